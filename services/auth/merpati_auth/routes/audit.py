"""`/audit`: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from merpati_auth import audit
from merpati_auth.audit import AuditEntry
from merpati_auth.dependencies import Ctx, Postmaster
from merpati_auth.fields import Search
from merpati_auth.paging import Page, Paging

router = APIRouter(prefix="/audit", tags=["audit"])


class Entry(BaseModel):
    """One change."""

    id: int
    at: datetime
    actor: str = Field(examples=["postmaster@klinik.example"])
    client: str | None = Field(examples=["192.0.2.7"])
    action: str = Field(examples=["account.change"])
    target: str = Field(examples=["sari@klinik.example"])
    detail: dict[str, Any] = Field(examples=[{"login_enabled": False}])

    @classmethod
    def show(cls, entry: AuditEntry) -> Entry:
        return cls.model_validate(entry, from_attributes=True)


@router.get("", summary="List changes")
async def list_changes(
    ctx: Ctx,
    actor: Postmaster,
    paging: Annotated[Paging, Depends()],
    by: Annotated[Search | None, Query(description="Only changes that this account made.")] = None,
    target: Annotated[Search | None, Query(description="Only changes of this address or domain.")] = None,
    action: Annotated[Search | None, Query(description="Only this action, as account.create.")] = None,
) -> Page[Entry]:
    """Changes, newest first."""
    async with ctx.db.connection() as conn:
        found = await audit.page(
            conn,
            before=paging.after_row(audit.NEWEST),
            limit=paging.ask,
            actor=by,
            target=target,
            action=action,
        )
    return paging.page(found, lambda entry: entry.id, Entry.show)
