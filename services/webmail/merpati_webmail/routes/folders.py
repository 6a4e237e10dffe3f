"""Making, renaming and deleting folders."""

from __future__ import annotations

from starlette.responses import Response

from merpati.platform.errors import Conflict, Denied, Invalid, NotFound
from merpati_webmail import folders
from merpati_webmail.i18n import N_
from merpati_webmail.routes.mail import chosen
from merpati_webmail.visit import Visit, redirect, text

_TAKEN = N_("There is a folder of that name already.")
_BAD_NAME = N_("That cannot be a folder's name.")
_KEPT = N_("This folder cannot be changed.")
_DELETE = N_("Delete the folder “%(name)s” and all in it?")


async def show(visit: Visit) -> Response:
    """GET /folders."""
    return await _page(visit)


async def create(visit: Visit) -> Response:
    """POST /folders."""
    name = text(await visit.form(), "name").strip()
    try:
        await visit.web.store.create(visit.account_id, name)
    except Conflict:
        return await _page(visit, 409, _TAKEN, name)
    except Invalid:
        return await _page(visit, 422, _BAD_NAME, name)
    return redirect("/folders", notice="created")


async def change(visit: Visit) -> Response:
    """POST /folders/<folder>: rename or delete it."""
    form = await visit.form()
    mailbox = chosen(await visit.mailboxes(), visit.number("folder"))
    if folders.kind(mailbox) != "folder":
        return await _page(visit, 403, _KEPT)
    if text(form, "action") == "delete":
        if text(form, "confirmed") != "yes":
            return await visit.mail_page(
                "confirm",
                question=visit.gettext(_DELETE, name=mailbox.name),
                button=visit.gettext(N_("Delete")),
                action=visit.request.url.path,
                fields=[("action", "delete")],
                cancel="/folders",
            )
        await visit.web.store.delete(visit.account_id, mailbox.name)
        return redirect("/folders", notice="removed")
    if text(form, "action") != "rename":
        raise NotFound("no such action")
    name = text(form, "name").strip()
    try:
        await visit.web.store.rename(visit.account_id, mailbox.name, name)
    except Conflict:
        return await _page(visit, 409, _TAKEN)
    except (Invalid, Denied):
        return await _page(visit, 422, _BAD_NAME)
    return redirect("/folders", notice="renamed")


async def _page(visit: Visit, status: int = 200, problem: str = "", typed: str = "") -> Response:
    return await visit.mail_page(
        "folders", status, problem=visit.gettext(problem) if problem else "", typed=typed
    )
