"""`/addresses`: aliases, and the further addresses of accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from merpati.directory.admin import accounts, addresses
from merpati.directory.admin.addresses import MAX_TARGETS, AddressRecord
from merpati_auth.dependencies import Ctx, NamedAddress, Postmaster
from merpati_auth.fields import Address as AnyAddress
from merpati_auth.fields import Domain, OwnAddress
from merpati_auth.paging import Page, Paging

router = APIRouter(prefix="/addresses", tags=["addresses"])

Kind = Literal["account", "alias"]
Targets = Annotated[
    list[AnyAddress],
    Field(
        min_length=1,
        max_length=MAX_TARGETS,
        description="Where mail goes: addresses here or elsewhere, aliases among them.",
        examples=[["sari@klinik.example", "gudang@example.net"]],
    ),
]


class NewAddress(BaseModel):
    """An alias with targets, or a further address of an account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"address": "apotek@klinik.example", "kind": "alias", "targets": ["sari@klinik.example"]},
                {"address": "s.dewi@klinik.example", "kind": "account", "account": "sari@klinik.example"},
            ]
        },
    )
    address: OwnAddress
    kind: Kind = "alias"
    targets: Targets | None = None
    account: Annotated[AnyAddress | None, Field(description="Whose further address it is.")] = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> NewAddress:
        if self.kind == "alias" and (self.targets is None or self.account is not None):
            raise ValueError("an alias needs targets, and no account")
        if self.kind == "account" and (self.account is None or self.targets is not None):
            raise ValueError("an account's address needs account, and no targets")
        return self


class TargetChange(BaseModel):
    """Where an alias leads from now on."""

    model_config = ConfigDict(extra="forbid")
    targets: Targets


class Address(BaseModel):
    """An address here."""

    address: str = Field(examples=["apotek@klinik.example"])
    kind: Kind
    account: str | None = Field(description="Of kind account: whose it is.")
    targets: list[str] = Field(description="Of kind alias: where it leads.")
    created_at: datetime

    @classmethod
    def show(cls, record: AddressRecord) -> Address:
        return cls.model_validate(record, from_attributes=True)


@router.get("", summary="List addresses")
async def list_addresses(
    ctx: Ctx,
    actor: Postmaster,
    paging: Annotated[Paging, Depends()],
    domain: Annotated[Domain | None, Query(description="Only this domain's.")] = None,
    kind: Annotated[Kind | None, Query(description="Only accounts' or only aliases.")] = None,
    account: Annotated[AnyAddress | None, Query(description="Only this account's.")] = None,
) -> Page[Address]:
    """Addresses by domain and local part."""
    async with ctx.db.connection() as conn:
        found = await addresses.page(
            conn, after=paging.after(), limit=paging.ask, domain=domain, kind=kind, account=account
        )
    return paging.page(found, lambda record: record.address, Address.show)


@router.post("", status_code=201, summary="Make an address")
async def create_address(body: NewAddress, ctx: Ctx, actor: Postmaster, response: Response) -> Address:
    """Make an alias, or give an account a further address, which it may also send as."""
    async with ctx.changes.begin(actor) as change:
        if body.account is not None:
            owner = await accounts.get(change.conn, body.account)
            record = await addresses.create_own(change.conn, body.address, owner.id)
        else:
            record = await addresses.create_alias(change.conn, body.address, body.targets or [])
        await change.audit(
            "address.create", record.address, account=record.account, targets=list(record.targets)
        )
    response.headers["Location"] = f"/api/v1/addresses/{record.address}"
    return Address.show(record)


@router.get("/{address}", summary="Read an address")
async def read_address(name: NamedAddress, ctx: Ctx, actor: Postmaster) -> Address:
    """One address."""
    async with ctx.db.connection() as conn:
        return Address.show(await addresses.get(conn, name))


@router.patch("/{address}", summary="Change an alias")
async def change_address(name: NamedAddress, body: TargetChange, ctx: Ctx, actor: Postmaster) -> Address:
    """Lead an alias elsewhere."""
    async with ctx.changes.begin(actor) as change:
        record = await addresses.change_targets(change.conn, name, body.targets)
        await change.audit("address.change", name, targets=list(record.targets))
    return Address.show(record)


@router.delete("/{address}", status_code=204, summary="Delete an address")
async def delete_address(name: NamedAddress, ctx: Ctx, actor: Postmaster) -> None:
    """Delete an alias or a further address; a login name goes with its account."""
    async with ctx.changes.begin(actor) as change:
        record = await addresses.delete(change.conn, name)
        await change.audit("address.delete", name, account=record.account, targets=list(record.targets))
