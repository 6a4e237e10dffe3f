"""`/login`: a name and a password for a token, and the token's end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from merpati_auth import audit, tokens
from merpati_auth.credentials import Attempt
from merpati_auth.dependencies import Caller, Client, Ctx
from merpati_auth.fields import Role, Secret

router = APIRouter(tags=["login"])

_LONGEST = 90 * 86_400


class LoginRequest(BaseModel):
    """Who logs in."""

    username: Annotated[str, Field(max_length=320, examples=["postmaster@klinik.example"])]
    password: Annotated[Secret, Field(examples=["correct horse battery staple"])]
    expires_in: Annotated[
        int | None,
        Field(ge=60, le=_LONGEST, description="Seconds; default `api_token_lifetime`.", examples=[3_600]),
    ] = None


class Token(BaseModel):
    """A token for the header `Authorization: Bearer …`."""

    token: str = Field(examples=["merpati_pEbD0rk8iWm1o7l2"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the type's name
    expires_at: datetime
    address: str = Field(examples=["postmaster@klinik.example"])
    role: Role


@router.post("/login", summary="Log in")
async def login(body: LoginRequest, ctx: Ctx, client: Client) -> Token:
    """Give a token. It ends by itself, with `DELETE /login`, and when the account's password or switches change."""
    verdict = await ctx.credentials.verify(Attempt(body.username, body.password, "api", client))
    lifetime = body.expires_in or ctx.settings.api_token_lifetime
    async with ctx.db.transaction() as conn:
        token, expires_at = await tokens.create(conn, ctx.keys, verdict, lifetime)
        await audit.write(
            conn, actor=verdict.address, client=client, action="login", target=verdict.address, detail={}
        )
    return Token(token=token, expires_at=expires_at, address=verdict.address, role=_role(verdict.role))


@router.delete("/login", status_code=204, summary="Log out")
async def logout(ctx: Ctx, actor: Caller) -> None:
    """End the token that this request carries."""
    if actor.token_digest is not None:
        async with ctx.db.connection() as conn:
            await tokens.revoke(conn, actor.token_digest)


def _role(role: str) -> Role:
    return "postmaster" if role == "postmaster" else "user"
