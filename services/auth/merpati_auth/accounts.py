"""Accounts as wholes: directory row, own address, mailbox, password and audit in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from merpati import store
from merpati.directory.admin import accounts as records
from merpati.directory.admin.accounts import AccountRecord, NewAccount
from merpati.platform.errors import Conflict
from merpati_auth import credentials, tokens
from merpati_auth.changes import Change


async def create(
    change: Change, new: NewAccount, password_hash: str | None, *, domainless: bool = False
) -> AccountRecord:
    """Make an account, with its mailbox if it has one. Without a password nobody can log in to it yet."""
    record = await records.create(change.conn, new, domainless=domainless)
    if new.has_mailbox:
        await store.provision(change.conn, record.id)
    if password_hash is not None:
        await credentials.set_hash(change.conn, record.id, password_hash)
    await change.audit(
        "account.create",
        record.address,
        role=record.role,
        mailbox=record.has_mailbox,
        quota=record.quota,
        display_name=record.display_name,
    )
    return record


async def modify(change: Change, address: str, changes: Mapping[str, Any]) -> AccountRecord:
    """Change an account's columns; sessions end where a switch or its role changed."""
    record = await records.change(change.conn, address, changes)
    change.touch([record.id])
    await change.audit("account.change", address, **changes)
    return record


async def set_password(change: Change, address: str, password_hash: str) -> None:
    """A new password: everything logged in with the old one ends, except the token that asks for it."""
    record = await records.get(change.conn, address)
    await credentials.set_hash(change.conn, record.id, password_hash)
    await end_sessions(change, record.id)
    await change.audit("account.password", address)


async def end_sessions(change: Change, account_id: int) -> None:
    """End the account's sessions everywhere, except the caller's own token."""
    version = await records.end_sessions(change.conn, account_id)
    change.touch([account_id])
    if change.actor.account_id == account_id and change.actor.token_digest is not None:
        await tokens.keep(change.conn, change.actor.token_digest, version)


async def delete(change: Change, address: str) -> None:
    """Delete an account. Its id is never used again, so a new account of this address never meets its mail."""
    record = await records.delete(change.conn, address)
    if record.id == change.actor.account_id:
        raise Conflict("you cannot delete the account that you are logged in with")
    for table in ("passwords", "app_passwords", "tokens"):
        await change.conn.execute(f"DELETE FROM auth.{table} WHERE account_id = %s", (record.id,))  # noqa: S608
    change.touch([record.id])
    await change.audit("account.delete", address, id=record.id)
