"""`/internal/sasl`: exchanges for services that leave a mechanism to us."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Base64Bytes, BaseModel, Field

from merpati.directory import Verdict
from merpati_auth.context import Context
from merpati_auth.credentials import Attempt
from merpati_auth.dependencies import Ctx
from merpati_auth.routes.internal import require_internal
from merpati_auth.sasl.exchanges import Asked
from merpati_auth.sasl.mechanisms import Password

router = APIRouter(prefix="/internal/sasl", tags=["internal"], dependencies=[Depends(require_internal)])


class Origin(BaseModel):
    """For which service somebody logs in, and from where."""

    service: Annotated[str, Field(max_length=20)]
    client: Annotated[str, Field(max_length=64)]


class Beginning(Origin):
    """An exchange that a client begins; `initial` is its initial response, if it sent one."""

    mechanism: Annotated[str, Field(max_length=40)]
    initial: Base64Bytes | None = None


class Continuation(Origin):
    """The client's response to a challenge."""

    response: Base64Bytes


class Step(BaseModel):
    """Either the next challenge, with the exchange in which it is answered, or the verdict."""

    exchange: str | None = None
    challenge: Base64Bytes | None = None
    verdict: Verdict | None = None


@router.post("")
async def begin(beginning: Beginning, ctx: Ctx) -> Step:
    """Begin an exchange; statuses as of /verify, and 422 for what the mechanism does not allow."""
    return await _step(ctx, ctx.exchanges.begin(beginning.mechanism, beginning.initial), beginning)


@router.post("/{exchange}")
async def proceed(
    exchange: Annotated[str, Path(max_length=64)], continuation: Continuation, ctx: Ctx
) -> Step:
    """Take a response; 404 where the exchange took too long."""
    return await _step(ctx, ctx.exchanges.proceed(exchange, continuation.response), continuation)


async def _step(ctx: Context, result: Asked | Password, origin: Origin) -> Step:
    if isinstance(result, Asked):
        return Step(exchange=result.exchange, challenge=b64encode(result.challenge.data))
    attempt = Attempt(result.username, result.password, origin.service, origin.client)
    return Step(verdict=await ctx.credentials.verify(attempt))
