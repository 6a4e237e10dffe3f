"""The two HTTP applications: the public REST API, and the internal one for our own services."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

import merpati
from merpati.platform.http import BodyLimit, Bounds
from merpati_auth import problems
from merpati_auth.context import Context
from merpati_auth.documentation import page
from merpati_auth.headers import SafeHeaders
from merpati_auth.routes import (
    accounts,
    addresses,
    app_passwords,
    audit,
    domains,
    internal,
    login,
    queue,
    sasl,
    status,
    trace,
)

PREFIX = "/api/v1"
_BODY = Bounds(octets=1024 * 1024, seconds=30.0)
_DOCS_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_DESCRIPTION = """
Everything about a Merpati server that is not mail itself: domains, accounts, aliases, the queue, and where mail went.

Log in with `POST /login` and send the token as `Authorization: Bearer …`, or send address and password with
HTTP Basic. Listings come in parts: follow `next`. Every error is a problem document (RFC 9457).
"""
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["/api/v1/problems#conflict"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "examples": [409]},
        "detail": {"type": "string", "examples": ["the account sari@klinik.example exists already"]},
        "errors": {
            "type": "array",
            "description": "Of 422: which values are wrong.",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "existing": {
            "type": "object",
            "description": "Of 409: what is in the way.",
            "properties": {
                "kind": {"type": "string"},
                "name": {"type": "string"},
                "url": {"type": ["string", "null"]},
            },
        },
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "A problem", "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}},
    422: {"description": "Not valid", "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}},
}


def public(context: Context) -> FastAPI:
    """The REST API with its description."""
    app = _bare(context, openapi_url=f"{PREFIX}/openapi.json")
    for module in (
        login,
        domains,
        accounts,
        app_passwords,
        addresses,
        queue,
        trace,
        audit,
        status,
    ):
        app.include_router(module.router, prefix=PREFIX, responses=_RESPONSES)

    @app.get(f"{PREFIX}/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()), headers={"Content-Security-Policy": _DOCS_CSP})

    @app.get(f"{PREFIX}/problems", include_in_schema=False)
    async def kinds() -> JSONResponse:
        return JSONResponse(
            {
                kind.name: {"status": int(kind.status), "title": kind.title}
                for kind in (*(kind for _, kind in problems.KINDS), problems.INTERNAL)
            }
        )

    return app


def private(context: Context) -> FastAPI:
    """What our services ask; the REST API too, so that the web front can offer it under its own name."""
    app = public(context)
    for module in (internal, sasl):
        app.include_router(module.router, include_in_schema=False)
    return app


def _bare(context: Context, openapi_url: str) -> FastAPI:
    app = FastAPI(
        title="Merpati",
        version=merpati.__version__,
        description=_DESCRIPTION,
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    app.add_middleware(BodyLimit, bounds=lambda _scope: _BODY)
    app.add_middleware(SafeHeaders)
    problems.install(app)
    return app
