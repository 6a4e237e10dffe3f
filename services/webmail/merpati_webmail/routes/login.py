"""Logging in and out."""

from __future__ import annotations

from starlette.responses import Response

from merpati.platform.errors import BadCredentials, Denied, Throttled
from merpati_webmail import csrf
from merpati_webmail.i18n import N_
from merpati_webmail.visit import Visit, local_target, posted, redirect, text

_WRONG = N_("The address or the password is wrong.")
_WAIT = N_("Too many failed attempts. Please wait %(seconds)d seconds and try again.")
_STALE = N_("The form was out of date. Please try again.")


async def form(visit: Visit) -> Response:
    """GET /login."""
    if visit.session_or_none is not None:
        return redirect(local_target(visit.query("next")))
    return _page(visit, next=visit.query("next"))


async def submit(visit: Visit) -> Response:
    """POST /login."""
    form = await posted(visit.request)
    address, target = text(form, "address").strip(), local_target(text(form, "next"))
    try:
        visit.web.login_tokens.check(visit.request, text(form, csrf.FIELD))
        verdict = await visit.web.auth.verify(
            address, text(form, "password"), service="web", client=visit.client
        )
    except Denied:
        return _page(visit, 403, visit.gettext(_STALE), address, target)
    except BadCredentials:
        return _page(visit, 401, visit.gettext(_WRONG), address, target)
    except Throttled as error:
        seconds = max(round(error.retry_after), 1)
        answer = _page(visit, 429, visit.gettext(_WAIT, seconds=seconds), address, target)
        answer.headers["Retry-After"] = str(seconds)
        return answer
    token = await visit.web.sessions.start(verdict, visit.web.sessions.token_of(visit.request))
    answer = redirect(target)
    visit.web.sessions.set_cookie(visit.request, answer, token)
    return answer


async def logout(visit: Visit) -> Response:
    """POST /logout."""
    await visit.form()
    await visit.web.sessions.end(visit.session)
    answer = redirect("/login", notice="bye")
    visit.web.sessions.clear_cookie(visit.request, answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def _page(visit: Visit, status: int = 200, problem: str = "", address: str = "", next: str = "") -> Response:
    token = visit.web.login_tokens.of(visit.request)
    answer = visit.page(
        "login",
        status,
        problem=problem,
        address=address,
        next=local_target(next) if next else "",
        csrf_token=token,
    )
    visit.web.login_tokens.set(visit.request, answer, token)
    return answer
