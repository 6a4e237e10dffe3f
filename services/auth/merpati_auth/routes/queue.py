"""`/queue`: mail on its way out, or put off here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from merpati.queue import Entry, Filter
from merpati_auth import audit
from merpati_auth.actor import Actor
from merpati_auth.context import Context
from merpati_auth.dependencies import Ctx, Postmaster
from merpati_auth.fields import Domain, Row, Search
from merpati_auth.paging import Page, Paging

router = APIRouter(prefix="/queue", tags=["queue"])

Number = Annotated[Row, Path(description="The entry's `id`.")]


class QueueEntry(BaseModel):
    """A message on its way to one recipient."""

    id: int
    trace_id: str = Field(description="Ask /trace for its whole story.")
    kind: Literal["remote", "local"]
    state: str = Field(description="active (being sent now), held, deferred (failed before) or queued.")
    sender: str = Field(description="Empty: a bounce.", examples=["sari@klinik.example"])
    recipient: str = Field(examples=["gudang@example.net"])
    size: int
    attempts: int
    created_at: datetime
    next_at: datetime = Field(description="When it is tried next.")
    expires_at: datetime = Field(description="When it is given up and bounced.")
    last_status: str | None = Field(examples=["4.4.1"])
    last_reply: str | None = Field(examples=["connection refused by mx.example.net"])

    @classmethod
    def show(cls, entry: Entry) -> QueueEntry:
        return cls.model_validate(entry, from_attributes=True)


@router.get("", summary="List the queue")
async def list_queue(
    ctx: Ctx,
    actor: Postmaster,
    paging: Annotated[Paging, Depends()],
    sender: Annotated[Search | None, Query(description="Only from this address.")] = None,
    recipient: Annotated[Search | None, Query(description="Only to this address.")] = None,
    domain: Annotated[Domain | None, Query(description="Only to this domain.")] = None,
    trace_id: Annotated[Search | None, Query(description="Only this message.")] = None,
    held: Annotated[bool | None, Query(description="Only held entries, or only others.")] = None,
) -> Page[QueueEntry]:
    """Entries in the order in which they came."""
    which = Filter(trace_id=trace_id, sender=sender, recipient=recipient, domain=domain, held=held)
    found = await ctx.queue.list(which, after=paging.after_row(0), limit=paging.ask)
    return paging.page(found, lambda entry: entry.id, QueueEntry.show)


@router.get("/{entry}", summary="Read a queue entry")
async def read_entry(entry: Number, ctx: Ctx, actor: Postmaster) -> QueueEntry:
    """One entry."""
    return QueueEntry.show(await ctx.queue.get(entry))


@router.post("/{entry}/retry", summary="Try now")
async def retry_entry(entry: Number, ctx: Ctx, actor: Postmaster) -> QueueEntry:
    """Try an entry now, without waiting for its time."""
    return await _steered(ctx, actor, "retry", await ctx.queue.retry(entry))


@router.post("/{entry}/hold", summary="Hold")
async def hold_entry(entry: Number, ctx: Ctx, actor: Postmaster) -> QueueEntry:
    """Keep an entry from being tried until it is released."""
    return await _steered(ctx, actor, "hold", await ctx.queue.hold(entry))


@router.post("/{entry}/release", summary="Release")
async def release_entry(entry: Number, ctx: Ctx, actor: Postmaster) -> QueueEntry:
    """Let a held entry go on."""
    return await _steered(ctx, actor, "release", await ctx.queue.release(entry))


@router.delete("/{entry}", status_code=204, summary="Delete a queue entry")
async def delete_entry(entry: Number, ctx: Ctx, actor: Postmaster) -> None:
    """Drop an entry. Its sender is told nothing; the trail keeps that it was deleted."""
    found = await ctx.queue.get(entry)
    await ctx.queue.delete(entry)
    await _steered(ctx, actor, "delete", found)


async def _steered(ctx: Context, actor: Actor, action: str, entry: Entry) -> QueueEntry:
    async with ctx.db.connection() as conn:
        await audit.write(
            conn,
            actor=actor.address,
            client=actor.client,
            action=f"queue.{action}",
            target=entry.recipient,
            detail={"entry": entry.id, "trace_id": entry.trace_id},
        )
    return QueueEntry.show(entry)
