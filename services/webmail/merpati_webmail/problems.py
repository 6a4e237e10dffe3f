"""Pages for what goes wrong: which status, which words, and the typed text given back."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from merpati.platform.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    OutcomeUnknown,
    OverQuota,
    Throttled,
    Unavailable,
)
from merpati.platform.telemetry import get_logger
from merpati_webmail import csrf
from merpati_webmail.i18n import N_
from merpati_webmail.visit import Visit, Web, posted

log = get_logger(__name__)

# First match counts: subclasses stand before their parents.
_PAGES: Sequence[tuple[type[Exception], int, str, str]] = (
    (Throttled, 429, N_("Too many requests"), N_("Please wait a moment, then try again.")),
    (
        OutcomeUnknown,
        503,
        N_("Not certain"),
        N_(
            "The connection to the database broke in the middle. Look whether it was done before you try again."
        ),
    ),
    (
        Unavailable,
        503,
        N_("Please try again"),
        N_("The mail system cannot answer right now. Nothing is lost; please try again in a moment."),
    ),
    (NotFound, 404, N_("Not found"), N_("It may have been moved or deleted.")),
    (OverQuota, 422, N_("Your mailbox is full"), N_("Delete something, empty the trash, then try again.")),
    (
        Denied,
        403,
        N_("Not allowed"),
        N_("This form is out of date or did not come from here. Please try again."),
    ),
    (Conflict, 409, N_("Already there"), N_("Something of that name exists already.")),
    (Invalid, 422, N_("That cannot be done"), N_("The request was not understood.")),
)
_GIVEN_BACK = 8 * 1024 * 1024
_HTTP = {
    404: (N_("Not found"), N_("There is no such page.")),
    405: (N_("Not found"), N_("There is no such page.")),
    408: (N_("Too slow"), N_("The line was too slow or broke. Please try again.")),
    413: (N_("Too large"), N_("That is more than can be sent at once. Attach less, and try again.")),
}
_BAD_REQUEST = (N_("That cannot be done"), N_("The request was not understood."))
_FAULT = (N_("Something went wrong here"), N_("The error was noted. Please try again."))
_ENDED = (
    N_("You were logged out"),
    N_("Your text is still here: log in again in another tab, come back and press “Try again”."),
)


async def of_error(request: Request, error: Exception) -> Response:
    """The page for one of our own errors."""
    session = getattr(request.state, "session", None)
    if isinstance(error, OutcomeUnknown) and (request.method != "POST" or session is None):
        error = Unavailable("nothing was being changed")
    for kind, status, heading, words in _PAGES:
        if isinstance(error, kind):
            if request.method == "POST":
                await _read_form(request)  # not read yet where the session's own look-up failed
            again = isinstance(error, Unavailable) or (status == 403 and csrf.same_origin(request))
            answer = _page(request, status, heading, words, retry=again)
            if isinstance(error, Unavailable):
                seconds = error.retry_after if isinstance(error, Throttled) else 5
                answer.headers["Retry-After"] = str(max(round(seconds), 1))
            return answer
    return await of_fault(request, error)


async def of_http(request: Request, error: Exception) -> Response:
    """The page for an error of the framework."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    heading, words = _HTTP.get(status, _BAD_REQUEST)
    return _page(request, status, heading, words)


async def of_ended_session(request: Request, error: Exception) -> Response:
    """A form whose session is over: what was typed waits for the new login."""
    await _read_form(request)
    return _page(request, 401, *_ENDED, retry=csrf.same_origin(request), login=True)


async def of_fault(request: Request, error: Exception) -> Response:
    """Our own mistake: dull to the visitor, exact in the log."""
    log.error("request failed", path=request.url.path, exc_info=error)
    return _page(request, 500, *_FAULT)


async def _read_form(request: Request) -> None:
    """Read what was posted, to give it back. Of a stranger, only as much as a letter without files has."""
    size = request.headers.get("content-length", "")
    if not size.isdigit() or int(size) > _GIVEN_BACK:
        return
    try:
        await posted(request)
    except (HTTPException, MultiPartException):
        return


def _page(
    request: Request, status: int, heading: str, words: str, *, retry: bool = False, login: bool = False
) -> Response:
    web: Web = request.app.state.web
    session = getattr(request.state, "session", None)
    visit = Visit(request, web, session)
    form: FormData | None = getattr(request.state, "form", None)
    fields, files = _fields(form, session.csrf if session else None) if retry and form else (None, False)
    return visit.page(
        "error",
        status,
        heading=visit.gettext(heading),
        explanation=visit.gettext(words),
        fields=fields,
        files=files,
        retry=retry,
        login=login,
    )


def _fields(form: FormData, token: str | None) -> tuple[list[tuple[str, str]], bool]:
    """The posted fields, to be posted again; with the session's present token where there is one."""
    fields = [
        (name, token if name == csrf.FIELD and token else value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in ("password", "current", "new", "again")
    ]
    files = any(isinstance(value, UploadFile) and value.filename for _, value in form.multi_items())
    return fields, files
