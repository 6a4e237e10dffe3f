"""`/health` and `/status`: whether the server works, for machines and for postmasters."""

from __future__ import annotations

import time
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

import merpati
from merpati.platform.errors import Unavailable
from merpati.queue import depth
from merpati_auth.context import Context
from merpati_auth.dependencies import Ctx, Postmaster

router = APIRouter(tags=["status"])

State = Literal["up", "down"]


class Health(BaseModel):
    """Whether this service can do its work."""

    status: Literal["up"]


class Queue(BaseModel):
    """How much waits."""

    waiting: int
    deferred: int = Field(description="Failed before, and wait for their next try.")
    held: int
    oldest_seconds: float | None = Field(description="How long the oldest has waited.")


class Status(BaseModel):
    """The server's parts."""

    version: str = Field(examples=["0.1.0"])
    hostname: str = Field(examples=["mail.klinik.example"])
    database: State
    database_ms: float | None = Field(description="How long one question took.")
    bell: State = Field(description="Redis. Down: everything works, some seconds later.")
    queue: Queue | None


@router.get("/health", summary="Is the service up?")
async def health(ctx: Ctx) -> Health:
    """200, or 503 while the database is away; needs no login."""
    async with ctx.db.connection() as conn:
        await conn.execute("SELECT 1")
    return Health(status="up")


@router.get("/status", summary="How is the server?")
async def status(ctx: Ctx, actor: Postmaster) -> Status:
    """State of the server's parts."""
    milliseconds, queue = await _database(ctx)
    return Status(
        version=merpati.__version__,
        hostname=ctx.settings.myhostname,
        database="down" if milliseconds is None else "up",
        database_ms=milliseconds,
        bell="up" if ctx.bell.connected else "down",
        queue=queue,
    )


async def _database(ctx: Context) -> tuple[float | None, Queue | None]:
    try:
        async with ctx.db.connection() as conn:
            begun = time.perf_counter()
            await conn.execute("SELECT 1")
            milliseconds = round((time.perf_counter() - begun) * 1_000, 2)
            found = await depth(conn)
    except Unavailable:
        return None, None
    return milliseconds, Queue.model_validate(found, from_attributes=True)
