"""The list of a folder, the message beside it, and what is done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.datastructures import FormData, QueryParams
from starlette.responses import Response

from merpati.platform.errors import NotFound
from merpati.store import NO_FLAGS, Flag, Mailbox
from merpati_webmail import actions, folders, listing, search
from merpati_webmail.i18n import N_
from merpati_webmail.listing import Place
from merpati_webmail.message_view import MessageView
from merpati_webmail.visit import Visit, redirect, text


async def start(visit: Visit) -> Response:
    """GET /: the inbox."""
    if not visit.session.account.has_mailbox:
        return visit.page("no_mailbox")
    inbox = next(mailbox for mailbox in await visit.mailboxes() if mailbox.name == "INBOX")
    return redirect(f"/mail/{inbox.id}", notice=visit.query("notice"))


async def folder(visit: Visit) -> Response:
    """GET /mail/<folder>."""
    mailboxes = await visit.mailboxes()
    mailbox = chosen(mailboxes, visit.number("mailbox"))
    place = Place.of(visit.request.query_params)
    found = await listing.load(visit.web.store, mailbox, place)
    return await _page(visit, mailboxes, mailbox, found, None)


async def message(visit: Visit) -> Response:
    """GET /mail/<folder>/<uid>: opening an unread message marks it read."""
    mailboxes = await visit.mailboxes()
    mailbox, uid = chosen(mailboxes, visit.number("mailbox")), visit.number("uid")
    data = await visit.web.store.read(visit.account_id, mailbox.id, uid)
    flags = await _flags(visit, mailbox, uid)
    # A page that refreshes itself must not undo an "unread" of another window.
    by_person = not {"x-live", "sec-purpose"} & set(visit.request.headers)
    if by_person and not flags & Flag.SEEN:
        await actions.mark(visit.web.store, mailbox, [uid], "read")
        mailboxes = await visit.mailboxes()
    found = await listing.load(visit.web.store, mailbox, Place.of(visit.request.query_params), around=uid)
    view = await asyncio.to_thread(
        MessageView.of,
        data,
        as_text=visit.query("view") == "text",
        images=visit.wants_images,
        draft=folders.kind(mailbox) == "drafts",
    )
    return await _page(visit, mailboxes, chosen(mailboxes, mailbox.id), found, view, uid, flags)


async def act(visit: Visit) -> Response:
    """POST /mail/<folder>/actions: one of the list's buttons, for the selected messages."""
    form = await visit.form()
    mailboxes = await visit.mailboxes()
    mailbox = chosen(mailboxes, visit.number("mailbox"))
    place = Place.of(QueryParams(text(form, "back").removeprefix("?")))
    here = f"/mail/{mailbox.id}{place.suffix}"
    action, uids = _what(form)
    if action == "empty":
        uids = list((await visit.web.store.snapshot(visit.account_id, mailbox.id)).uids)
    if not uids:
        return _back(here, "none" if action != "empty" else "emptied")
    trash = folders.kind(mailbox) == "trash"
    if action in actions.MARKS:
        await actions.mark(visit.web.store, mailbox, uids, action)
        if text(form, "open") and action != "unread":
            return redirect(f"/mail/{mailbox.id}/{uids[0]}{place.suffix}")
        return _back(here, "")
    if action in ("delete", "empty") and trash:
        if text(form, "confirmed") != "yes":
            return await _confirm(visit, mailbox, action, uids, place)
        await actions.purge(visit.web.store, mailbox, uids)
        return _back(here, "emptied" if action == "empty" else "purged")
    if action == "delete":
        await actions.to_trash(visit.web.store, mailbox, uids, mailboxes)
        return _back(here, "deleted")
    if action == "move":
        target = text(form, "target")
        if not target:
            return _back(here, "where")
        await actions.move(visit.web.store, mailbox, uids, chosen(mailboxes, _number(target)))
        return _back(here, "moved")
    raise NotFound("no such action")


def chosen(mailboxes: Sequence[Mailbox], mailbox_id: int) -> Mailbox:
    """The mailbox with this id. Raises `NotFound`."""
    for mailbox in mailboxes:
        if mailbox.id == mailbox_id:
            return mailbox
    raise NotFound("there is no such folder")


async def _flags(visit: Visit, mailbox: Mailbox, uid: int) -> Flag:
    snapshot = await visit.web.store.snapshot(visit.account_id, mailbox.id)
    index = snapshot.index(uid)
    return Flag(snapshot.flags[index]) if index is not None else Flag.SEEN


async def _page(
    visit: Visit,
    mailboxes: Sequence[Mailbox],
    mailbox: Mailbox,
    found: listing.Listing,
    view: MessageView | None,
    uid: int = 0,
    flags: Flag = NO_FLAGS,
) -> Response:
    return await visit.mail_page(
        "mail",
        mailboxes=mailboxes,
        mailbox_id=mailbox.id,
        current=folders.folder(mailbox, visit.gettext),
        listing=found,
        search_fields=[(value, visit.gettext(label)) for value, label in search.FIELDS.items()],
        reading=view,
        open_uid=uid,
        flagged=Flag.FLAGGED in flags,
    )


def _what(form: FormData) -> tuple[str, list[int]]:
    """The button that was pressed, and its messages."""
    for name, action in (("star", "flag"), ("unstar", "unflag")):
        if uid := text(form, name):
            return action, [_number(uid)]
    uids = [_number(value) for value in form.getlist("uid") if isinstance(value, str)]
    return text(form, "action"), sorted(set(uids))


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise NotFound("no such message")
    return int(value)


def _back(here: str, notice: str) -> Response:
    if not notice:
        return redirect(here)
    return redirect(f"{here}{'&' if '?' in here else '?'}notice={notice}")


_PURGE = N_("Delete the selected messages for good?")
_EMPTY = N_("Delete everything in the trash for good?")


async def _confirm(
    visit: Visit, mailbox: Mailbox, action: str, uids: Sequence[int], place: Place
) -> Response:
    fields, question = [("action", action), ("back", place.suffix)], _EMPTY
    if action == "delete":
        question = _PURGE
        fields += [("uid", str(uid)) for uid in uids]
    return await visit.mail_page(
        "confirm",
        question=visit.gettext(question),
        button=visit.gettext(N_("Delete for good")),
        action=f"/mail/{mailbox.id}/actions",
        fields=fields,
        cancel=f"/mail/{mailbox.id}{place.suffix}",
    )
