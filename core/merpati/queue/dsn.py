"""Reports of failed delivery: multipart/report (RFC 6522) with delivery-status (RFC 3464), in plain English."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import format_datetime

from merpati.queue.advice import advice
from merpati.queue.types import Failure

_AUTHOR = "From: Mail Delivery System <postmaster@"
_CRLF = b"\r\n"
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One recipient that will not get the message."""

    recipient: str
    original_recipient: str | None
    failure: Failure


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a report says."""

    to: str
    hostname: str
    trace_id: str
    """The report's own."""
    about: str
    """The trace id of the message that failed."""
    arrived: datetime
    now: datetime
    expired: bool
    """The message waited for its whole lifetime; otherwise it was refused for good."""
    sender: str
    failures: Sequence[FailedRecipient]
    original: bytes
    whole: bool
    """Whether `original` is returned with its body."""

    @property
    def message_id(self) -> str:
        return f"<{self.trace_id}@{self.hostname}>"


def build(notice: Notice) -> bytes:
    """The report as a message, CRLF line ends; 8-bit only where addresses, replies or the original are."""
    header, _ = _split(notice.original)
    eightbit = not (notice.original if notice.whole else header).isascii()
    utf8 = any(not failed.recipient.isascii() for failed in notice.failures)
    boundary = f"={notice.trace_id}"
    parts = [
        _part("text/plain; charset=utf-8", "Notification", _text(notice, header).encode(), False),
        _part(
            # RFC 6533: addresses outside ASCII need the global form.
            f"message/{'global-' if utf8 else ''}delivery-status",
            "Delivery report",
            _status(notice, utf8).encode(),
            False,
        ),
        _part("message/rfc822", "Undelivered message", notice.original, eightbit)
        if notice.whole
        else _part("text/rfc822-headers", "Undelivered message's header", header + _CRLF, eightbit),
    ]
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + part + _CRLF for part in parts) + f"--{boundary}--\r\n".encode()
    return _head(notice, header, boundary, 0 if body.isascii() else 8) + _CRLF + body


def is_ours(beginning: bytes) -> bool:
    """Whether a message that nobody here submitted begins as our reports do.

    Nothing from outside can: it begins with the Received line that we put before it.
    """
    return beginning.startswith(_AUTHOR.encode())


def _head(notice: Notice, header: bytes, boundary: str, eightbit: int) -> bytes:
    domain = notice.to.rpartition("@")[2]
    subject = "Undelivered mail " + (
        "for the postmaster's attention" if notice.whole else "returned to sender"
    )
    lines = [
        # RFC 3464 2: a human's address, who answers for this system; RFC 3834: nobody's machine shall answer.
        f"{_AUTHOR}{domain}>",
        f"To: <{notice.to}>",
        f"Subject: {subject}",
        f"Date: {format_datetime(notice.now)}",
        f"Message-ID: {notice.message_id}",
        *_thread(header),
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"',
        *(["Content-Transfer-Encoding: 8bit"] if eightbit else []),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _thread(header: bytes) -> list[str]:
    """Put the report beside its message in clients that show threads."""
    message_id = _field(header, b"message-id")
    if not re.fullmatch(r"<[!-;=?-~]{1,200}>", message_id):
        return []
    return [f"In-Reply-To: {message_id}", f"References: {message_id}"]


def _part(content_type: str, description: str, content: bytes, eightbit: bool) -> bytes:
    lines = [f"Content-Type: {content_type}", f"Content-Description: {description}"]
    if eightbit or not content.isascii():
        lines.append("Content-Transfer-Encoding: 8bit")
    return "\r\n".join([*lines, "", ""]).encode() + content


# The text for people


def _text(notice: Notice, header: bytes) -> str:
    one = len(notice.failures) == 1
    whom = "the recipient below" if one else "the recipients below"
    opening = (
        f"This is the mail system at {notice.hostname}.\n\n"
        + (
            "A message that came through your domain could not be passed on to "
            if notice.whole
            else "Your message could not be delivered to "
        )
        + whom
        + (" in the time it may wait" if notice.expired else "")
        + ". It will not be tried again."
        + (
            " Its sender has not been told, because the sender's address may be forged;"
            " the whole message is attached."
            if notice.whole
            else ""
        )
    )
    blocks = [_paragraphs(opening)]
    blocks += [_about(failed, notice.expired) for failed in notice.failures]
    facts = [
        ("Subject", _subject(header)),
        ("From", notice.sender or "<>"),
        ("Accepted", format_datetime(notice.arrived)),
        ("Reference", f"{notice.about} (your postmaster can follow the message with it)"),
    ]
    blocks.append("The message:\n" + "".join(_item(name, value) for name, value in facts if value))
    return "\n".join(blocks).replace("\n", "\r\n")


def _about(failed: FailedRecipient, expired: bool) -> str:
    failure = failed.failure
    lines = [f"<{_safe(failed.recipient)}>\n"]
    if failed.original_recipient and failed.original_recipient != failed.recipient:
        lines.append(_item("Sent to", failed.original_recipient))
    lines.append(_item("What happened", failure.reason))
    if failure.reply:
        lines.append(_item("Its answer" if failure.remote else "The answer", failure.reply))
    lines.append(_item("What to do", advice(failure.status, expired=expired)))
    return "".join(lines)


def _item(name: str, value: str) -> str:
    return (
        textwrap.fill(_safe(value), 78, initial_indent=f"    {name}: ", subsequent_indent="        ") + "\n"
    )


def _paragraphs(text: str) -> str:
    return "\n\n".join(textwrap.fill(_safe(paragraph), 78) for paragraph in text.split("\n\n")) + "\n"


# The part for machines


def _status(notice: Notice, utf8: bool) -> str:
    fields = [
        f"Reporting-MTA: dns; {notice.hostname}",
        f"X-Merpati-Trace-ID: {notice.about}",
        f"Arrival-Date: {format_datetime(notice.arrived)}",
    ]
    blocks = [fields, *(_recipient_fields(failed, notice, utf8) for failed in notice.failures)]
    return "\r\n".join("".join(f"{line}\r\n" for line in block) for block in blocks)


def _recipient_fields(failed: FailedRecipient, notice: Notice, utf8: bool) -> list[str]:
    kind = "utf-8" if utf8 else "rfc822"
    failure = failed.failure
    fields = []
    if failed.original_recipient:
        fields.append(f"Original-Recipient: {kind}; {_safe(failed.original_recipient)}")
    fields.append(f"Final-Recipient: {kind}; {_safe(failed.recipient)}")
    fields += ["Action: failed", f"Status: {failure.status}"]
    if failure.reply:
        if failure.remote:
            # `remote` is name[address]:port for people; the field is for the name alone (RFC 3464 2.3.5).
            name = _safe(failure.remote).partition("[")[0] or failure.remote
            fields.append(f"Remote-MTA: dns; {_safe(name)}")
        fields.append(_folded(f"Diagnostic-Code: smtp; {_safe(failure.reply)}"))
    else:
        fields.append(_folded(f"Diagnostic-Code: X-Merpati; {_safe(failure.reason)}"))
    fields.append(f"Last-Attempt-Date: {format_datetime(notice.now)}")
    return fields


def _folded(field: str) -> str:
    return "\r\n ".join(textwrap.wrap(field, 76, break_on_hyphens=False))


# The original


def _split(message: bytes) -> tuple[bytes, bytes]:
    """Header (with its last line end) and body."""
    end = _HEADER_END.search(message)
    if end is None:
        return message.rstrip(_CRLF) + _CRLF, b""
    return message[: end.start()] + _CRLF, message[end.end() :]


def _field(header: bytes, name: bytes) -> str:
    found = re.search(rb"(?im)^" + name + rb"[ \t]*:[ \t]*((?:.*)(?:\r?\n[ \t].*)*)", header)
    return _safe(found[1].decode("utf-8", "replace")).strip() if found else ""


def _subject(header: bytes) -> str:
    raw = _field(header, b"subject")
    try:
        return _safe(str(make_header(decode_header(raw))))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def _safe(text: str) -> str:
    """`text` on one line, of bounded length: it may be anything a stranger's server said."""
    return _UNSAFE.sub(" ", text)[:2_000]
