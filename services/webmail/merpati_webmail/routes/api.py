"""`/api`: the REST API of services/auth, passed through, so that one origin serves browser and programs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from merpati_webmail.visit import Web

# No cookies either way: the API knows tokens and passwords only, so a browser's session can never be made
# to act on it. Hop-by-hop fields (RFC 9110 7.6.1) end here.
_FORWARDED = frozenset(
    "accept accept-language authorization content-length content-type idempotency-key if-match if-none-match "
    "prefer user-agent".split()
)
_RETURNED = frozenset(
    "allow cache-control content-disposition content-encoding content-length content-security-policy "
    "content-type etag link location retry-after vary www-authenticate x-request-id".split()
)
_UNAVAILABLE = json.dumps(
    {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The directory service cannot answer right now; try again.",
    }
)


async def serve(request: Request) -> Response:
    """Any method under /api, streamed both ways."""
    web: Web = request.app.state.web
    headers = {name: value for name, value in request.headers.items() if name in _FORWARDED}
    headers |= web.auth_http.from_browser(request.client.host if request.client else "")
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    target = raw_path.split(b"?")[0] + (b"?" + request.scope["query_string"] if request.url.query else b"")
    if any(part in (".", "..") for part in request.url.path.split("/")):
        return Response(status_code=404)  # nothing beside /api is meant for the world
    outgoing = web.auth_http.http.build_request(
        request.method,
        web.auth_http.http.base_url.copy_with(raw_path=target),
        headers=headers,
        content=_body(request) if _has_body(request) else None,
    )
    try:
        answer = await web.auth_http.http.send(outgoing, stream=True)
    except httpx.HTTPError:
        return Response(
            _UNAVAILABLE, 503, media_type="application/problem+json", headers={"Retry-After": "5"}
        )
    return StreamingResponse(
        answer.aiter_raw(),
        status_code=answer.status_code,
        headers={name: value for name, value in answer.headers.items() if name in _RETURNED},
        background=BackgroundTask(answer.aclose),
    )


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk
