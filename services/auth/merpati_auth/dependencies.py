"""What routes ask for: the service's parts, the client's address, and the caller."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from merpati.directory import fold_address
from merpati.platform.errors import BadCredentials, Invalid, NotFound
from merpati_auth import tokens
from merpati_auth.actor import Actor
from merpati_auth.context import Context
from merpati_auth.credentials import Attempt

_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="The token that `POST /login` gave.")
_BASIC = HTTPBasic(auto_error=False, scheme_name="password", description="Address and password, for scripts.")

FORWARDED_FOR = "X-Merpati-Client"
"""The browser's address, from our own web front, which proves itself with the internal token beside it."""
INTERNAL_TOKEN = "X-Merpati-Internal-Token"  # noqa: S105 - a header's name


def context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


Ctx = Annotated[Context, Depends(context)]


def is_internal(ctx: Context, token: str) -> bool:
    """Whether the token is the one that our services share."""
    expected = ctx.settings.secret("internal_token").encode()
    return hmac.compare_digest(token.encode(), expected)


def client_address(request: Request, ctx: Ctx) -> str:
    """The client's IP address; nobody but our own services may name another."""
    forwarded = request.headers.get(FORWARDED_FOR)
    if forwarded and is_internal(ctx, request.headers.get(INTERNAL_TOKEN, "")):
        return forwarded[:64]
    return request.client.host if request.client and request.client.host else "local"


Client = Annotated[str, Depends(client_address)]


async def caller(
    ctx: Ctx,
    client: Client,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    basic: Annotated[HTTPBasicCredentials | None, Depends(_BASIC)],
) -> Actor:
    """Who calls. Raises `BadCredentials` where the token is unknown, expired, or older than a change of password."""
    if bearer is not None:
        return await _bearer(ctx, client, bearer.credentials)
    if basic is None:
        raise BadCredentials("this needs a token (POST /api/v1/login) or HTTP Basic")
    verdict = await ctx.credentials.verify(Attempt(basic.username, basic.password, "api", client))
    return Actor(verdict.account_id, verdict.address, verdict.role, client)


async def _bearer(ctx: Context, client: str, token: str) -> Actor:
    digest = ctx.keys.token(token)
    async with ctx.db.connection() as conn:
        found = await tokens.find(conn, digest)
    account = await ctx.directory.account(found[0]) if found else None
    if found is None or account is None or not account.login_enabled or account.auth_version != found[1]:
        raise BadCredentials("the token is unknown or has expired: log in again")
    return Actor(account.id, account.address, account.role, client, digest)


Caller = Annotated[Actor, Depends(caller)]


def postmaster(actor: Caller) -> Actor:
    """The caller, who must be a postmaster."""
    actor.require_postmaster()
    return actor


Postmaster = Annotated[Actor, Depends(postmaster)]


def named_account(address: str, actor: Caller) -> str:
    """The account in the path, `me` being the caller's; a user may name no other."""
    if address == "me":
        return actor.address
    folded = named_address(address)
    actor.require_self_or_postmaster(folded)
    return folded


def named_address(address: str) -> str:
    """The address in the path. Raises `NotFound` where it can be none."""
    try:
        return fold_address(address)
    except Invalid as error:
        raise NotFound(f"there is no {address[:100]!a}") from error


NamedAccount = Annotated[str, Depends(named_account)]
NamedAddress = Annotated[str, Depends(named_address)]
