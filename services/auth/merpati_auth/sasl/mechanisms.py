"""The mechanisms: each takes the client's responses and ends with a name and a password."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from merpati.platform.errors import Invalid

MAX_RESPONSE = 2_048  # octets


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the client must answer next."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Password:
    """What the client gave: the exchange is over."""

    username: str
    password: str


class Mechanism(Protocol):
    """One exchange. `step` raises `Invalid` where the response breaks the mechanism's syntax."""

    def step(self, response: bytes | None) -> Challenge | Password:
        """Take a response; None begins an exchange without an initial response."""
        ...


class Plain:
    """PLAIN (RFC 4616)."""

    def step(self, response: bytes | None) -> Challenge | Password:
        if response is None:
            return Challenge(b"")
        parts = response.split(b"\0")
        if len(parts) != 3 or not parts[1] or not parts[2]:
            raise Invalid("PLAIN is: authorization identity, NUL, name, NUL, password")
        acting_as, username, password = map(_text, parts)
        if acting_as and acting_as != username:
            raise Invalid("nobody may log in on behalf of another")
        return Password(username, password)


@dataclass(slots=True)
class Login:
    """LOGIN (draft-murchison-sasl-login), which Outlook still uses."""

    username: str | None = None

    def step(self, response: bytes | None) -> Challenge | Password:
        if response is None:
            return Challenge(b"Username:")
        if self.username is None:
            self.username = _text(response)
            return Challenge(b"Password:")
        return Password(self.username, _text(response))


MECHANISMS: dict[str, Callable[[], Mechanism]] = {"PLAIN": Plain, "LOGIN": Login}


def _text(data: bytes) -> str:
    if len(data) > MAX_RESPONSE:
        raise Invalid("the response is too long")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid("the response is not UTF-8") from error
