"""What people set for themselves: name, language, password. auth writes it; we only ask."""

from __future__ import annotations

from starlette.responses import Response

from merpati.platform.errors import BadCredentials, Invalid, Throttled
from merpati_webmail import i18n
from merpati_webmail.i18n import N_
from merpati_webmail.visit import Visit, redirect, text

_CURRENT = N_("The current password is wrong.")
_DIFFERENT = N_("The two new passwords are not the same.")
_WEAK = N_("The new password needs 8 characters or more.")
_NAME = N_("That name cannot be used.")
_WAIT = N_("Too many failed attempts. Please wait %(seconds)d seconds and try again.")


async def show(visit: Visit) -> Response:
    """GET /settings."""
    return await _page(visit)


async def save(visit: Visit) -> Response:
    """POST /settings: name and language."""
    form = await visit.form()
    name, language = text(form, "display_name").strip(), text(form, "language")
    if language not in i18n.LANGUAGES:
        language = visit.language
    try:
        await visit.web.auth_http.change_profile(visit.account_id, name, language, visit.client)
    except Invalid:
        return await _page(visit, 422, visit.gettext(_NAME), name)
    visit.web.directory.drop()  # the bell rings too, but the next page may be faster
    return redirect("/settings", notice="settings")


async def change_password(visit: Visit) -> Response:
    """POST /settings/password: this browser stays logged in, all others do not."""
    form = await visit.form()
    current, new = text(form, "current"), text(form, "new")
    if new != text(form, "again"):
        return await _page(visit, 422, visit.gettext(_DIFFERENT))
    address = visit.session.account.address
    try:
        await visit.web.auth_http.change_password(address, current, new, visit.client)
    except BadCredentials:
        return await _page(visit, 403, visit.gettext(_CURRENT))
    except Invalid:
        return await _page(visit, 422, visit.gettext(_WEAK))
    except Throttled as error:
        return await _page(visit, 429, visit.gettext(_WAIT, seconds=max(round(error.retry_after), 1)))
    visit.web.auth.drop()
    verdict = await visit.web.auth.verify(address, new, service="web", client=visit.client)
    await visit.web.sessions.renew(visit.session, verdict)
    visit.web.directory.drop()
    return redirect("/settings", notice="password")


async def _page(visit: Visit, status: int = 200, problem: str = "", name: str | None = None) -> Response:
    shown = visit.session.account.display_name if name is None else name
    if visit.session.account.has_mailbox:
        return await visit.mail_page("settings", status, problem=problem, display_name=shown)
    return visit.page(
        "settings", status, problem=problem, display_name=shown, folders=[], mailbox_id=0, mail_state=""
    )
