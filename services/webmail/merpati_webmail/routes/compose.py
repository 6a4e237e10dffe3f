"""Writing: a new letter, an answer, a forwarded message, a draft; saving and sending."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from merpati.platform.errors import (
    Denied,
    Invalid,
    MerpatiError,
    NotFound,
    OutcomeUnknown,
    OverQuota,
    Throttled,
    Unavailable,
)
from merpati.platform.telemetry import get_logger
from merpati_webmail import addressing, answers, drafting, letterbox, reading
from merpati_webmail.answers import Fields, Writer
from merpati_webmail.drafting import Draft
from merpati_webmail.i18n import N_
from merpati_webmail.keys import MessageKey, Origin
from merpati_webmail.visit import Visit, redirect, text

log = get_logger(__name__)


async def form(visit: Visit) -> Response:
    """GET /compose."""
    heading = N_("New message")
    fields = Fields()
    writer = await _writer(visit)
    for name, title in (
        ("reply", N_("Reply")),
        ("reply_all", N_("Reply to all")),
        ("forward", N_("Forward")),
        ("draft", N_("Draft")),
    ):
        key = MessageKey.parse(visit.query(name))
        if key is not None:
            heading = title
            data = await visit.web.store.read(visit.account_id, key.mailbox_id, key.uid)
            fields = await asyncio.to_thread(_begin, name, data, key, writer)
            break
    else:
        given = addressing.from_mailto(visit.query("mailto"))
        fields = Fields(
            to=given["to"],
            cc=given.get("cc", ""),
            subject=given.get("subject", ""),
            body=given.get("body", ""),
        )
    return await _page(visit, fields, heading)


async def submit(visit: Visit) -> Response:
    """POST /compose: save, send or discard."""
    posted = await visit.form()
    action = text(posted, "action")
    draft = await drafting.understand(visit, posted)
    if action == "discard":
        await letterbox.forget(visit.web.store, visit.account_id, draft.key)
        return redirect("/", notice="discarded")
    try:
        await drafting.attach(visit, draft, posted)
        draft.letter.in_reply_to, draft.letter.references = await letterbox.thread(
            visit.web.store, visit.account_id, draft.origin
        )
        if action == "send" and not draft.problems:
            drafting.check_complete(visit, draft)
        if action == "send" and not draft.problems:
            return await _send(visit, draft)
        if not draft.problems:
            key = await _save(visit, draft)
            return redirect("/compose", draft=str(key), notice="saved")
        if drafting.uploads(posted) and not draft.too_large:
            await _save(visit, draft)  # so that the uploaded files are not lost with the error
    except MerpatiError as error:
        return await _failed(visit, draft, error)
    return await _page(visit, draft.fields, N_("New message"), draft, 422)


def _begin(name: str, data: bytes, key: MessageKey, writer: Writer) -> Fields:
    mail = reading.read(data)
    if name == "draft":
        return answers.resume(mail, key)
    if name == "forward":
        return answers.forward(mail, Origin("forward", key), writer)
    return answers.reply(mail, Origin("reply", key), writer, to_all=name == "reply_all")


async def _writer(visit: Visit) -> Writer:
    own = await visit.web.directory.sender_addresses(visit.account_id)
    return Writer(own, visit.language, visit.gettext)


async def _save(visit: Visit, draft: Draft) -> MessageKey:
    """Save, and let the form go on from there: its attachments are the draft's now."""
    key = await letterbox.save(visit.web.store, visit.account_id, draft.letter, draft.origin, draft.key)
    data = await visit.web.store.read(visit.account_id, key.mailbox_id, key.uid)
    draft.fields.draft = str(key)
    draft.fields.kept = answers.kept(await asyncio.to_thread(reading.read, data), key)
    return key


async def _send(visit: Visit, draft: Draft) -> Response:
    web, account_id = visit.web, visit.account_id
    async with web.sending.of(account_id):
        if not await letterbox.is_sent(web.store, account_id, draft.letter):
            await letterbox.send(web.store, web.directory, account_id, draft.letter, visit.client)
    try:
        await letterbox.forget(visit.web.store, visit.account_id, draft.key)
        await letterbox.mark_origin(visit.web.store, visit.account_id, draft.origin)
    except Unavailable as error:  # it is sent: never say otherwise for the sake of a mark
        log.warning("sent, but draft or mark not updated", error=str(error))
    origin = draft.origin
    back = f"/mail/{origin.message.mailbox_id}" if origin else "/"
    return redirect(back, notice="sent")


_FAILURES: Sequence[tuple[type[MerpatiError], int, str]] = (
    (OverQuota, 422, N_("Your mailbox is full: delete something, then try again.")),
    (Throttled, 429, N_("You have sent as much as is allowed for now. Please try again later.")),
    (
        OutcomeUnknown,
        503,
        N_("It is not certain that this went through: look into Sent before you try again."),
    ),
    (Unavailable, 503, N_("The mail system cannot answer right now. Nothing was lost; please try again.")),
    (Denied, 403, N_("You may not send from this address.")),
    (NotFound, 422, N_("An attachment or draft is no longer there. Save again, then send.")),
    (Invalid, 422, N_("This message cannot be sent: %(reason)s")),
)


async def _failed(visit: Visit, draft: Draft, error: MerpatiError) -> Response:
    """The form again with everything in it, and what went wrong."""
    for kind, status, explanation in _FAILURES:
        if isinstance(error, kind):
            values = {"reason": str(error)} if "%(reason)" in explanation else {}
            draft.problems.append(visit.gettext(explanation, **values))
            answer = await _page(visit, draft.fields, N_("New message"), draft, status)
            if isinstance(error, Unavailable):
                answer.headers["Retry-After"] = "5"
            return answer
    raise error


async def _page(
    visit: Visit, fields: Fields, heading: str, draft: Draft | None = None, status: int = 200
) -> Response:
    return await visit.mail_page(
        "compose",
        status,
        form=fields,
        heading=visit.gettext(heading),
        senders=await drafting.senders(visit),
        problems=draft.problems if draft else [],
        invalid=draft.invalid if draft else set(),
        upload_limit=drafting.upload_limit(visit),
    )
