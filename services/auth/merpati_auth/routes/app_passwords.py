"""`/accounts/…/app-passwords`: a password for each device, which opens mail and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from merpati.directory.admin import accounts as records
from merpati_auth import accounts, app_passwords
from merpati_auth.dependencies import Caller, Ctx, NamedAccount
from merpati_auth.fields import Name, Row

router = APIRouter(prefix="/accounts/{address}/app-passwords", tags=["app passwords"])

Scope = Literal["imap", "pop3", "smtp"]


class NewAppPassword(BaseModel):
    """An app password to be made."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Name, Field(description="Which device it is for.", examples=["Sari's phone"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3, description="What it opens.")] = Field(
        default=["imap", "pop3", "smtp"]
    )


class AppPassword(BaseModel):
    """An app password; what was generated is never shown again."""

    id: int
    name: str
    scopes: list[str]
    created_at: datetime
    last_used: datetime | None = Field(description="To within five minutes.")

    @classmethod
    def show(cls, record: app_passwords.AppPassword) -> AppPassword:
        return cls.model_validate(record, from_attributes=True)


class AppPasswords(BaseModel):
    """All of an account's."""

    items: list[AppPassword]


class CreatedAppPassword(AppPassword):
    """A new one, with the password itself, this once."""

    password: str = Field(examples=["kq3fp-zm8wd-tr2xn-bv7hs"])


@router.get("", summary="List app passwords")
async def list_app_passwords(address: NamedAccount, ctx: Ctx) -> AppPasswords:
    """An account has at most a hundred, so they come in one part."""
    async with ctx.db.connection() as conn:
        account = await records.get(conn, address)
        found = await app_passwords.listing(conn, account.id)
    return AppPasswords(items=[AppPassword.show(record) for record in found])


@router.post("", status_code=201, summary="Make an app password")
async def create_app_password(
    address: NamedAccount, body: NewAppPassword, ctx: Ctx, actor: Caller
) -> CreatedAppPassword:
    """Generate a password for one device."""
    async with ctx.changes.begin(actor) as change:
        account = await records.get(change.conn, address)
        scopes = sorted(set(body.scopes))
        record, password = await app_passwords.create(change.conn, ctx.keys, account.id, body.name, scopes)
        await change.audit("app_password.create", address, name=body.name, scopes=scopes)
    return CreatedAppPassword(**AppPassword.show(record).model_dump(), password=password)


@router.delete("/{app_password}", status_code=204, summary="Revoke an app password")
async def delete_app_password(
    address: NamedAccount, app_password: Annotated[Row, Path()], ctx: Ctx, actor: Caller
) -> None:
    """Revoke one. The account's sessions end, since any of them may have used it."""
    async with ctx.changes.begin(actor) as change:
        account = await records.get(change.conn, address)
        record = await app_passwords.delete(change.conn, account.id, app_password)
        await accounts.end_sessions(change, account.id)
        await change.audit("app_password.delete", address, name=record.name)
