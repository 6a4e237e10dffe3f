"""`/domains`: the domains whose mail ends here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from merpati.directory import fold_domain
from merpati.directory.admin import dkim as admin_dkim
from merpati.directory.admin import domains
from merpati.directory.admin.domains import DomainRecord
from merpati.directory.admin.updates import require_postmaster
from merpati.platform.errors import Invalid, NotFound
from merpati_auth import dkim, dns_records
from merpati_auth.dependencies import Ctx, Postmaster
from merpati_auth.fields import Address, OwnDomain, Search
from merpati_auth.paging import Page, Paging

router = APIRouter(prefix="/domains", tags=["domains"])

_CONTACT = "Who gets postmaster@ and abuse@; null: the first postmaster with a mailbox."


class NewDomain(BaseModel):
    """A domain to be made."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[OwnDomain, Field(examples=["klinik.example"])]
    contact: Annotated[Address | None, Field(description=_CONTACT, examples=["sari@klinik.example"])] = None


class DomainChange(BaseModel):
    """What to change; what is not given stays."""

    model_config = ConfigDict(extra="forbid")
    contact: Annotated[Address | None, Field(description=_CONTACT, examples=["sari@klinik.example"])] = None
    enabled: Annotated[
        bool, Field(description="false: no login and no mail for anybody in it.", examples=[True])
    ] = True


class Domain(BaseModel):
    """A domain."""

    name: str = Field(examples=["klinik.example"])
    contact: str | None = Field(description=_CONTACT, examples=["sari@klinik.example"])
    enabled: bool
    accounts: int = Field(description="How many accounts are in it.")
    aliases: int = Field(description="How many aliases are in it.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def show(cls, record: DomainRecord) -> Domain:
        return cls.model_validate(record, from_attributes=True)


class DnsRecord(BaseModel):
    """A record to publish."""

    name: str = Field(examples=["klinik.example."])
    type: str = Field(examples=["MX"])
    ttl: int = Field(examples=[3600])
    value: str = Field(
        description="As in a zone file; of a TXT record its text, neither quoted nor split.",
        examples=["10 mail.klinik.example."],
    )
    purpose: str


class DomainDns(BaseModel):
    """What to publish in the DNS for a domain."""

    domain: str
    hostname: str = Field(description="The name of this server.")
    records: list[DnsRecord]
    notes: list[str] = Field(description="What else is needed.")
    zone: str = Field(description="The same records as lines for a zone file, long texts split.")


def named_domain(domain: str) -> str:
    """The domain in the path. Raises `NotFound` where it can be none."""
    try:
        return fold_domain(domain)
    except Invalid as error:
        raise NotFound(f"there is no domain {domain[:100]!a}") from error


NamedDomain = Annotated[str, Depends(named_domain)]


@router.get("", summary="List domains")
async def list_domains(
    ctx: Ctx,
    actor: Postmaster,
    paging: Annotated[Paging, Depends()],
    search: Annotated[Search, Query(description="Part of the name.")] = "",
) -> Page[Domain]:
    """Domains by name."""
    async with ctx.db.connection() as conn:
        found = await domains.page(conn, after=paging.after(), limit=paging.ask, search=search.lower())
    return paging.page(found, lambda record: record.name, Domain.show)


@router.post("", status_code=201, summary="Make a domain")
async def create_domain(body: NewDomain, ctx: Ctx, actor: Postmaster, response: Response) -> Domain:
    """Take mail for a domain; what it sends is signed with DKIM keys of its own.

    Names in other scripts may be given in them (IDNA).
    """
    keys = await dkim.make_keys(body.name)
    async with ctx.changes.begin(actor) as change:
        record = await domains.create(change.conn, body.name, body.contact)
        await change.audit("domain.create", record.name, contact=record.contact)
        await dkim.enter(change, record.name, keys)
    response.headers["Location"] = f"/api/v1/domains/{record.name}"
    return Domain.show(record)


@router.get("/{domain}", summary="Read a domain")
async def read_domain(name: NamedDomain, ctx: Ctx, actor: Postmaster) -> Domain:
    """One domain."""
    async with ctx.db.connection() as conn:
        return Domain.show(await domains.get(conn, name))


@router.get("/{domain}/dns", summary="Tell what to publish in the DNS")
async def read_dns(name: NamedDomain, ctx: Ctx, actor: Postmaster) -> DomainDns:
    """Every DNS record that the domain needs, each with its purpose; also as a zone file."""
    async with ctx.db.connection() as conn:
        await domains.get(conn, name)
        keys = await admin_dkim.published(conn, name)
    found = dns_records.records(name, keys, ctx.settings)
    notes = dns_records.notes(ctx.settings)
    return DomainDns(
        domain=name,
        hostname=ctx.settings.myhostname,
        records=[DnsRecord(ttl=dns_records.TTL, **asdict(record)) for record in found],
        notes=notes,
        zone=dns_records.zone(name, found, notes),
    )


@router.patch("/{domain}", summary="Change a domain")
async def change_domain(name: NamedDomain, body: DomainChange, ctx: Ctx, actor: Postmaster) -> Domain:
    """Set the contact, or switch the domain off and on."""
    changes = body.model_dump(exclude_unset=True)
    async with ctx.changes.begin(actor) as change:
        record, touched = await domains.change(change.conn, name, changes)
        if touched:
            await require_postmaster(change.conn)
        change.touch(touched)
        await change.audit("domain.change", name, **changes)
    return Domain.show(record)


@router.delete("/{domain}", status_code=204, summary="Delete a domain")
async def delete_domain(name: NamedDomain, ctx: Ctx, actor: Postmaster) -> None:
    """Delete a domain without accounts and aliases."""
    async with ctx.changes.begin(actor) as change:
        await domains.delete(change.conn, name)
        await change.audit("domain.delete", name)
