"""Exchanges under way: each between two requests of the service that speaks with the client."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from merpati.platform.errors import Invalid, NotFound
from merpati_auth.memory import Memory
from merpati_auth.sasl.mechanisms import MECHANISMS, Challenge, Mechanism, Password

_TIME = 120.0  # seconds a client has to answer
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A challenge for the client, and the id under which its response is expected."""

    exchange: str
    challenge: Challenge


class Exchanges:
    """Begins and continues exchanges; the oldest unanswered are forgotten."""

    def __init__(self, offered: list[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._offered = {name.upper() for name in offered}
        self._waiting: Memory[Mechanism] = Memory(_TIME, _AT_ONCE, clock)

    def begin(self, name: str, initial: bytes | None) -> Asked | Password:
        """Begin an exchange of the mechanism `name`. Raises `Invalid`."""
        make = MECHANISMS.get(name.upper())
        if make is None or name.upper() not in self._offered:
            raise Invalid(f"the mechanism {name[:40]!a} is not offered", field="mechanism")
        return self._step(make(), initial)

    def proceed(self, exchange: str, response: bytes) -> Asked | Password:
        """Take the client's response. Raises `NotFound` where nothing waits for it, and `Invalid`."""
        mechanism = self._waiting.take(exchange.encode())
        if mechanism is None:
            raise NotFound("no such exchange: it took too long, or is over")
        return self._step(mechanism, response)

    def _step(self, mechanism: Mechanism, response: bytes | None) -> Asked | Password:
        result = mechanism.step(response)
        if isinstance(result, Password):
            return result
        exchange = secrets.token_urlsafe(18)
        self._waiting.remember(exchange.encode(), mechanism)
        return Asked(exchange, result)
