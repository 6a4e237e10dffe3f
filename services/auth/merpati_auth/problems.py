"""The one map from errors to HTTP: problem documents (RFC 9457) and their status codes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from merpati.platform.errors import (
    BadCredentials,
    Conflict,
    Denied,
    Invalid,
    MerpatiError,
    NotFound,
    OverQuota,
    Throttled,
    Unavailable,
)
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its status, title, and what it means."""

    name: str
    status: HTTPStatus
    title: str

    @property
    def type(self) -> str:
        """Where it is described; a status that says all by itself is `about:blank` (RFC 9457 4.2.1)."""
        return f"/api/v1/problems#{self.name}" if self.name else "about:blank"


INVALID = Kind("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid")
# From the most to the least specific: the first that fits is taken.
KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (Throttled, Kind("throttled", HTTPStatus.TOO_MANY_REQUESTS, "Too many failed logins or requests")),
    (Unavailable, Kind("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The server cannot do this now")),
    (BadCredentials, Kind("unauthorized", HTTPStatus.UNAUTHORIZED, "Log in first")),
    (Denied, Kind("forbidden", HTTPStatus.FORBIDDEN, "You may not do this")),
    (NotFound, Kind("not-found", HTTPStatus.NOT_FOUND, "There is no such thing")),
    (Conflict, Kind("conflict", HTTPStatus.CONFLICT, "The name is taken, or the thing is in use")),
    (OverQuota, Kind("over-quota", HTTPStatus.INSUFFICIENT_STORAGE, "The mailbox is full")),
    (Invalid, INVALID),
    (RequestValidationError, INVALID),
)
INTERNAL = Kind("internal", HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed")

_BY_STATUS = {int(kind.status): kind for _, kind in KINDS}

_COLLECTIONS = {"domain": "domains", "account": "accounts", "address": "addresses"}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(MerpatiError, _core_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


def problem(
    kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """A problem document; `members` are its extensions (RFC 9457 3.2)."""
    body = {"type": kind.type, "title": kind.title, "status": int(kind.status), "detail": detail, **members}
    return JSONResponse(body, kind.status, dict(headers or {}), media_type=MEDIA_TYPE)


async def _core_error(_request: Request, error: Exception) -> JSONResponse:
    kind = next(kind for of, kind in KINDS if isinstance(error, of))
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "5"
        log.warning("unavailable", error=str(error))
    elif isinstance(error, BadCredentials):
        headers["WWW-Authenticate"] = 'Bearer realm="Merpati"'
    elif isinstance(error, Conflict) and error.kind:
        members["existing"] = {"kind": error.kind, "name": error.name, "url": _url(error)}
    elif isinstance(error, Invalid):
        pointer = f"/{error.field}" if error.field else ""
        members["errors"] = [{"pointer": pointer, "detail": str(error)}]
    return problem(kind, str(error), headers, **members)


def _url(error: Conflict) -> str | None:
    collection = _COLLECTIONS.get(error.kind)
    return f"/api/v1/{collection}/{quote(error.name, safe='@')}" if collection else None


async def _invalid_request(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"pointer": _pointer(item["loc"]), "detail": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{item['pointer'].rpartition('/')[2]}: {item['detail']}" for item in errors[:5])
    return problem(INVALID, detail, errors=errors[:100])


def _pointer(location: Sequence[int | str]) -> str:
    """A JSON pointer (RFC 6901) into the body; for others, where the value stood."""
    parts = list(location)
    if parts and parts[0] == "body":
        parts = parts[1:]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1")[:100] for part in parts)


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: unknown paths, methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    kind = _BY_STATUS.get(error.status_code)
    if kind is not None:
        return problem(kind, str(error.detail), error.headers)
    status = HTTPStatus(error.status_code)
    return problem(Kind("", status, status.phrase), str(error.detail), error.headers)


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours: dull to the caller, whole in the log."""
    log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    return problem(INTERNAL, "the fault was logged")
