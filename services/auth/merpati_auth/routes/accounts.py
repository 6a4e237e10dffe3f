"""`/accounts`: people and devices that log in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from merpati.directory.admin import accounts as records
from merpati.directory.admin.accounts import AccountRecord
from merpati.directory.admin.accounts import NewAccount as Draft
from merpati.platform.db import Connection
from merpati.platform.errors import BadCredentials, Denied, Invalid
from merpati.store.usage import used_bytes
from merpati_auth import accounts
from merpati_auth.actor import Actor
from merpati_auth.context import Context
from merpati_auth.credentials import Attempt
from merpati_auth.dependencies import Caller, Client, Ctx, NamedAccount, Postmaster
from merpati_auth.fields import Bytes, Domain, Hash, Language, OwnAddress, Role, Search, Secret, Text
from merpati_auth.paging import Page, Paging
from merpati_auth.passwords import schemes

router = APIRouter(prefix="/accounts", tags=["accounts"])

_QUOTA = "Bytes; null: the server's `mailbox_size_limit`; 0: no limit."
_OWN = frozenset({"display_name", "language"})
"""What people may change of their own account."""


class NewAccount(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[
        OwnAddress, Field(description="Also the login name.", examples=["sari@klinik.example"])
    ]
    password: Annotated[
        Secret | None, Field(description="8 characters or more.", examples=["correct horse battery staple"])
    ] = None
    password_hash: Annotated[
        Hash | None,
        Field(
            description="Instead of a password: a hash from another server (argon2, /etc/shadow, Dovecot)."
        ),
    ] = None
    display_name: Annotated[Text, Field(examples=["Sari Dewi"])] = ""
    role: Role = "user"
    mailbox: Annotated[bool, Field(description="false: it can only administer.")] = True
    quota: Annotated[Bytes | None, Field(description=_QUOTA, examples=[1_073_741_824])] = None
    language: Annotated[Language, Field(examples=["id"])] = "en"

    @model_validator(mode="after")
    def _one_password(self) -> NewAccount:
        if self.password is not None and self.password_hash is not None:
            raise ValueError("give password or password_hash, not both")
        return self


class AccountChange(BaseModel):
    """What to change; what is not given stays. A user may change `display_name` and `language` of their own."""

    model_config = ConfigDict(extra="forbid")
    display_name: Annotated[Text, Field(examples=["dr. Sari Dewi"])] = ""
    role: Role = "user"
    quota: Annotated[Bytes | None, Field(description=_QUOTA)] = None
    login_enabled: Annotated[bool, Field(description="false ends its sessions at once.")] = True
    receive_enabled: Annotated[bool, Field(description="false refuses its mail.")] = True
    language: Language = "en"


class PasswordChange(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid")
    password: Annotated[Secret, Field(examples=["a better horse battery staple"])]
    current_password: Annotated[
        Secret | None, Field(description="Needed for one's own account; a postmaster needs none for others.")
    ] = None


class Account(BaseModel):
    """An account."""

    id: int = Field(description="Never used again, and never changed.")
    address: str = Field(examples=["sari@klinik.example"])
    domain: str | None = Field(examples=["klinik.example"])
    display_name: str = Field(examples=["Sari Dewi"])
    role: Role
    mailbox: bool
    quota: int | None = Field(description=_QUOTA, examples=[1_073_741_824])
    used: int | None = Field(description="Bytes in its mailbox; null: it has none.", examples=[52_428_800])
    login_enabled: bool
    receive_enabled: bool
    language: str = Field(examples=["id"])
    created_at: datetime
    updated_at: datetime

    @classmethod
    def show(cls, record: AccountRecord, used: int | None) -> Account:
        values = {name: getattr(record, name) for name in cls.model_fields if hasattr(record, name)}
        return cls(**values, mailbox=record.has_mailbox, used=used)


async def _show(conn: Connection, found: Sequence[AccountRecord]) -> list[Account]:
    used = await used_bytes(conn, [record.id for record in found])
    return [Account.show(record, used.get(record.id)) for record in found]


@router.get("", summary="List accounts")
async def list_accounts(
    ctx: Ctx,
    actor: Postmaster,
    paging: Annotated[Paging, Depends()],
    domain: Annotated[Domain | None, Query(description="Only this domain's.")] = None,
    search: Annotated[Search, Query(description="Part of the address or of the displayed name.")] = "",
) -> Page[Account]:
    """Accounts by address."""
    async with ctx.db.connection() as conn:
        found = await records.page(conn, after=paging.after(), limit=paging.ask, domain=domain, search=search)
        shown = await _show(conn, found)
    return paging.page(shown, lambda account: account.address, lambda account: account)


@router.post("", status_code=201, summary="Make an account")
async def create_account(body: NewAccount, ctx: Ctx, actor: Postmaster, response: Response) -> Account:
    """Make an account with its mailbox. It can log in at once, if it has a password."""
    password_hash = None
    if body.password is not None:
        password_hash = await ctx.credentials.hash(body.password)
    elif body.password_hash is not None:
        password_hash = schemes.accept(body.password_hash)
    draft = Draft(
        address=body.address,
        display_name=body.display_name,
        role=body.role,
        has_mailbox=body.mailbox,
        quota=body.quota,
        language=body.language,
    )
    async with ctx.changes.begin(actor) as change:
        record = await accounts.create(change, draft, password_hash)
        (shown,) = await _show(change.conn, [record])
    response.headers["Location"] = f"/api/v1/accounts/{record.address}"
    return shown


@router.get("/{address}", summary="Read an account")
async def read_account(address: NamedAccount, ctx: Ctx) -> Account:
    """One account; `me` is the caller's own."""
    async with ctx.db.connection() as conn:
        (shown,) = await _show(conn, [await records.get(conn, address)])
    return shown


@router.patch("/{address}", summary="Change an account")
async def change_account(address: NamedAccount, body: AccountChange, ctx: Ctx, actor: Caller) -> Account:
    """Names, quota, role, and the two switches: logging in and receiving mail."""
    changes = body.model_dump(exclude_unset=True)
    if changes.keys() - _OWN:
        actor.require_postmaster()
    async with ctx.changes.begin(actor) as change:
        record = await accounts.modify(change, address, changes)
        (shown,) = await _show(change.conn, [record])
    return shown


@router.put("/{address}/password", status_code=204, summary="Set a password")
async def set_password(
    address: NamedAccount, body: PasswordChange, ctx: Ctx, actor: Caller, client: Client
) -> None:
    """Set a password. Everything that is logged in with the old one ends, but not the token used here."""
    if address == actor.address:
        await _require_current(ctx, actor, body.current_password, client)
    password_hash = await ctx.credentials.hash(body.password)
    async with ctx.changes.begin(actor) as change:
        await accounts.set_password(change, address, password_hash)


@router.delete("/{address}", status_code=204, summary="Delete an account")
async def delete_account(address: NamedAccount, ctx: Ctx, actor: Postmaster) -> None:
    """Delete an account with its addresses. A new account of the same address begins with an empty mailbox."""
    async with ctx.changes.begin(actor) as change:
        await accounts.delete(change, address)


async def _require_current(ctx: Context, actor: Actor, password: str | None, client: str) -> None:
    """A token that was left open must not be enough to take an account over."""
    if password is None:
        raise Invalid("needed to change one's own password", field="current_password")
    try:
        await ctx.credentials.verify(Attempt(actor.address, password, "api", client))
    except BadCredentials as error:
        raise Denied("the current password is wrong") from error
