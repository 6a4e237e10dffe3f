"""`/internal`: what the other services ask; behind the token that they share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from merpati.directory import Verdict
from merpati.platform.errors import BadCredentials, NotFound
from merpati_auth import accounts
from merpati_auth.actor import Actor
from merpati_auth.credentials import Attempt
from merpati_auth.dependencies import Ctx, is_internal
from merpati_auth.fields import Language, Row, Text


def require_internal(request: Request, ctx: Ctx) -> None:
    """Raises `BadCredentials` for whoever is not one of our services."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not is_internal(ctx, token):
        raise BadCredentials("only for Merpati's own services")


router = APIRouter(prefix="/internal", tags=["internal"], dependencies=[Depends(require_internal)])


class Question(BaseModel):
    """A name and a password that somebody gave to a service."""

    username: Annotated[str, Field(max_length=320)]
    password: Annotated[str, Field(max_length=1_024)]
    service: Annotated[str, Field(max_length=20)]
    client: Annotated[str, Field(max_length=64)]


@router.post("/verify")
async def verify(question: Question, ctx: Ctx) -> Verdict:
    """200: whose they are; 401: wrong; 429: wait; 503: cannot say now."""
    return await ctx.credentials.verify(
        Attempt(question.username, question.password, question.service, question.client)
    )


class Profile(BaseModel):
    """What somebody who is logged in to the web front says of themselves."""

    account_id: Row
    display_name: Text
    language: Language
    client: Annotated[str, Field(max_length=64)]


@router.post("/profile", status_code=204)
async def change_profile(profile: Profile, ctx: Ctx) -> None:
    """Name and language only: the web front holds no credential of its visitors that would open more."""
    account = await ctx.directory.account(profile.account_id)
    if account is None:
        raise NotFound("no such account")
    actor = Actor(account.id, account.address, account.role, profile.client)
    async with ctx.changes.begin(actor) as change:
        changes = {"display_name": profile.display_name, "language": profile.language}
        await accounts.modify(change, account.address, changes)
