"""`/trace`: where a message went, from acceptance to the last reply."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from merpati.platform import trail
from merpati.platform.errors import Invalid
from merpati_auth.dependencies import Ctx, Postmaster
from merpati_auth.fields import Address, Search

router = APIRouter(prefix="/trace", tags=["trace"])


class Event(BaseModel):
    """Something that happened to a message."""

    at: datetime
    kind: str = Field(examples=["accepted", "delivered", "sent", "deferred", "bounced"])
    address: str | None = Field(description="Of accepted: the sender; else the recipient it is about.")
    detail: dict[str, Any] = Field(examples=[{"host": "mx.example.net", "reply": "250 2.0.0 Ok: queued"}])


class Story(BaseModel):
    """Everything that is known of one message, in order."""

    trace_id: str = Field(description="The id in our Received line.", examples=["01jd5c0w3v7k2m9q8x4r"])
    message_id: str | None = Field(examples=["<20261124.1@klinik.example>"])
    events: list[Event]


class Stories(BaseModel):
    """Messages, newest first."""

    items: list[Story]


@router.get("", summary="Trace messages")
async def trace(
    ctx: Ctx,
    actor: Postmaster,
    address: Annotated[Address | None, Query(description="Sender or recipient.")] = None,
    message_id: Annotated[Search | None, Query(description="The Message-ID, with or without < >.")] = None,
    trace_id: Annotated[Search | None, Query(description="The id in our Received line.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many messages at most.")] = 20,
) -> Stories:
    """What happened to the newest messages of an address, or to one message; kept for `event_retention`."""
    if sum(value is not None for value in (address, message_id, trace_id)) != 1:
        raise Invalid("give one of address, message_id and trace_id")
    async with ctx.db.connection() as conn:
        events = await trail.find(
            conn, address=address, message_id=message_id, trace_id=trace_id, limit=limit
        )
    return Stories(
        items=[
            _story(trace_id, list(group)) for trace_id, group in groupby(events, lambda event: event.trace_id)
        ]
    )


def _story(trace_id: str, events: list[trail.PastEvent]) -> Story:
    return Story(
        trace_id=trace_id,
        message_id=next((event.message_id for event in events if event.message_id), None),
        events=[Event.model_validate(event, from_attributes=True) for event in events],
    )
