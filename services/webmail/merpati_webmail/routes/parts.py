"""What lies inside a message: its HTML for the frame, its inline pictures, its attachments, its source."""

from __future__ import annotations

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from merpati import message
from merpati.platform.errors import NotFound
from merpati_webmail import bounded, capability, filenames, links, reading
from merpati_webmail.capability import PartAddress
from merpati_webmail.headers import mail_headers
from merpati_webmail.visit import Visit, Web

_MAX_SOURCE = 512 * 1024
_MAX_HEADERS = 500


async def html(visit: Visit) -> Response:
    """GET /mail/<folder>/<uid>/html: the document in the frame."""
    mailbox_id, uid = visit.number("mailbox"), visit.number("uid")
    images = visit.wants_images
    data = await _read(visit)

    def pieces() -> list[tuple[bool, str]]:
        mail = reading.read(data)
        inline = {
            cid: capability.inline_url(visit.session, PartAddress(mailbox_id, uid, number))
            for cid, number in mail.inline.items()
        }
        return [
            (is_html, bounded.clean(text, images=images, inline=inline).html if is_html else text)
            for is_html, text in mail.pieces()
        ]

    nonce = secrets.token_urlsafe(16)
    document = visit.web.templates.render(
        visit.language, "pages/frame.html", pieces=await asyncio.to_thread(pieces), nonce=nonce
    )
    return HTMLResponse(document, headers=dict(mail_headers(nonce, images=images)))


async def inline(request: Request) -> Response:
    """GET /inline/…: a picture inside a mail, for a frame that has no cookie; the address is the right to it."""
    web: Web = request.app.state.web
    values = request.path_params
    part = PartAddress(int(values["mailbox"]), int(values["uid"]), values["number"])
    session = await capability.opened(web.sessions, values["session"], part, values["seal"])
    if session is None:
        raise NotFound("there is no such picture")
    data = await web.store.read(session.account.id, part.mailbox_id, part.uid)
    content = await asyncio.to_thread(_content, data, part.number)
    kind = filenames.picture_type(content)
    if kind is None:
        raise NotFound("there is no such picture")
    return Response(
        content,
        headers={
            "Content-Type": kind,
            "Cross-Origin-Resource-Policy": "cross-origin",  # the frame's origin is its own
            "Cache-Control": "private, max-age=3600",
        },
    )


async def attachment(visit: Visit) -> Response:
    """GET /mail/<folder>/<uid>/part/<number>: always a download, never shown by us."""
    data = await _read(visit)
    number = visit.request.path_params["number"]

    def find() -> tuple[bytes, str, str]:
        part = message.parse(data).find(number)
        if part is None or part.type == "multipart":
            raise NotFound("there is no such attachment")
        content = data[part.body_start : part.end] if part.message is not None else part.content(data)
        return content, part.content_type, filenames.safe_name(part.filename, part.content_type)

    content, content_type, name = await asyncio.to_thread(find)
    return Response(
        content,
        headers={
            "Content-Type": filenames.safe_type(content_type),
            "Content-Disposition": filenames.disposition(name),
        },
    )


async def source(visit: Visit) -> Response:
    """GET /mail/<folder>/<uid>/source: every header, then the message as it came."""
    data = await _read(visit)
    fields = [
        (
            name.decode("ascii", "replace"),
            reading.one_line(message.decode_header(message.unfold(raw)))[: links.MAX_TEXT],
        )
        for name, raw in message.headers(data)[:_MAX_HEADERS]
    ]
    return await visit.mail_page(
        "source",
        headers=fields,
        source=data[:_MAX_SOURCE].decode("utf-8", "replace"),
        cut=len(data) > _MAX_SOURCE,
        back=f"/mail/{visit.number('mailbox')}/{visit.number('uid')}",
    )


async def whole(visit: Visit) -> Response:
    """GET /mail/<folder>/<uid>/message.eml: the message as a file."""
    data = await _read(visit)
    subject = reading.read(data).subject or "message"
    return Response(
        data,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": filenames.disposition(filenames.safe_name(subject[:80] + ".eml")),
        },
    )


async def _read(visit: Visit) -> bytes:
    return await visit.web.store.read(visit.account_id, visit.number("mailbox"), visit.number("uid"))


def _content(data: bytes, number: str) -> bytes:
    part = message.parse(data).find(number)
    return part.content(data) if part is not None else b""
