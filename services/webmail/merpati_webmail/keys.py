"""Messages and their parts as forms and addresses name them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})(?:\.([0-9]{1,5}(?:\.[0-9]{1,5}){0,50}))?")


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A message in a form or an address: `mailbox.uid`."""

    mailbox_id: int
    uid: int

    def __str__(self) -> str:
        return f"{self.mailbox_id}.{self.uid}"

    @classmethod
    def parse(cls, value: str) -> MessageKey | None:
        """The key that `value` spells, or None."""
        found = _KEY.fullmatch(value)
        return cls(int(found[1]), int(found[2])) if found and found[3] is None else None


@dataclass(frozen=True, slots=True)
class PartKey:
    """An attachment of a stored message: `mailbox.uid.part`."""

    message: MessageKey
    number: str

    def __str__(self) -> str:
        return f"{self.message}.{self.number}"

    @classmethod
    def parse(cls, value: str) -> PartKey | None:
        """The key that `value` spells, or None."""
        found = _KEY.fullmatch(value)
        return cls(MessageKey(int(found[1]), int(found[2])), found[3]) if found and found[3] else None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a letter answers or forwards."""

    kind: str
    """reply or forward"""
    message: MessageKey

    def __str__(self) -> str:
        return f"{self.kind} {self.message}"

    @classmethod
    def parse(cls, value: str) -> Origin | None:
        """The origin that a form's field or a draft's header spells, or None."""
        kind, _, key = value.partition(" ")
        message = MessageKey.parse(key)
        return cls(kind, message) if message and kind in ("reply", "forward") else None
