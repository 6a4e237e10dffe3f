"""Addresses that carry their own right, for the pictures inside a mail's frame.

The frame has an origin of its own, so browsers send no SameSite cookie with what it loads. The address of
an inline picture therefore names the session and is sealed with its secret: it ends with the session, is
good for one part of one message, and is of no use for anything else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from merpati_webmail.session import Session, Sessions

_NUMBER = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){0,50}")


@dataclass(frozen=True, slots=True)
class PartAddress:
    """One part of one message."""

    mailbox_id: int
    uid: int
    number: str


def inline_url(session: Session, part: PartAddress) -> str:
    """The address of an inline picture for this session."""
    name = base64.urlsafe_b64encode(session.digest).decode().rstrip("=")
    return f"/inline/{name}/{part.mailbox_id}/{part.uid}/{part.number}/{_seal(session, part)}"


async def opened(sessions: Sessions, name: str, part: PartAddress, seal: str) -> Session | None:
    """The session of an inline address, if it still lives and the seal is its own."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", name) or not _NUMBER.fullmatch(part.number):
        return None
    session = await sessions.load_digest(base64.urlsafe_b64decode(name + "="))
    if session is None or not hmac.compare_digest(_seal(session, part).encode(), seal.encode()):
        return None
    return session


def _seal(session: Session, part: PartAddress) -> str:
    text = f"inline\0{part.mailbox_id}\0{part.uid}\0{part.number}".encode()
    return hmac.new(session.csrf.encode(), text, hashlib.sha256).hexdigest()[:32]
