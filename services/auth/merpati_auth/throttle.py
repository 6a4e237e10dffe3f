"""The throttle on guessing: who tries many different passwords waits longer and longer, but is never locked out.

Only *distinct* wrong passwords count, since a phone with an old one repeats it for ever. They are counted for each
account and network (so that a guesser elsewhere costs the owner nothing) and for each client address. Above the
limit the next try must wait 1, 2, 4 … 60 seconds. A password that was right lately never comes here
(`credentials`), so a guesser inside an office cannot lock the office out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from merpati.platform.errors import Throttled

WINDOW = 600.0  # seconds for which a failure counts
LONGEST_WAIT = 60.0
_KEYS = 100_000  # counters kept; the longest untouched go first
_BEYOND = 7  # failures remembered beyond the limit: 2**6 seconds is the longest wait already


@dataclass(slots=True)
class _Counter:
    failures: dict[bytes, float] = field(default_factory=dict)
    """When each distinct password was last refused, oldest first."""


class Throttle:
    """Counts failures in this process; a restart forgives."""

    def __init__(
        self, per_account: int, per_address: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = {"account": per_account, "address": per_address}
        self._clock = clock
        self._counters: dict[tuple[str, str, str], _Counter] = {}

    def attempt(self, account: str, client: str, password_digest: bytes) -> None:
        """Count a try as failed before it is made (many at once must not slip through). Raises `Throttled`."""
        keys = _keys(account, client)
        wait = max(self._wait(key) for key in keys)
        if wait > 0:
            raise Throttled("too many failed logins", retry_after=wait)
        now = self._clock()
        for key in keys:
            counter = self._counters.pop(key, None) or _Counter()
            counter.failures.pop(password_digest, None)
            counter.failures[password_digest] = now
            while len(counter.failures) > self._limits[key[0]] + _BEYOND:
                del counter.failures[next(iter(counter.failures))]
            while len(self._counters) >= _KEYS:
                del self._counters[next(iter(self._counters))]
            self._counters[key] = counter

    def take_back(self, account: str, client: str, password_digest: bytes) -> None:
        """Uncount what `attempt` counted: the password was right, or nobody could tell."""
        for key in _keys(account, client):
            counter = self._counters.get(key)
            if counter is not None:
                counter.failures.pop(password_digest, None)

    def _wait(self, key: tuple[str, str, str]) -> float:
        counter = self._counters.get(key)
        if counter is None or not counter.failures:
            return 0.0
        now = self._clock()
        recent = [at for at in counter.failures.values() if at > now - WINDOW]
        beyond = len(recent) - self._limits[key[0]]
        if beyond < 0:
            return 0.0
        return max(recent, default=now) + min(LONGEST_WAIT, 2.0**beyond) - now


def _keys(account: str, client: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """The account from this network (an IPv4 /24, an IPv6 /48), and this client (an IPv6 /64 is one client)."""
    try:
        address = ip_address(client)
    except ValueError:  # a socket without an address: its service is trusted, all share one counter
        return ("account", account, client), ("address", "", client)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _keys(account, str(address.ipv4_mapped))
        network, one = ip_network((address, 48), strict=False), ip_network((int(address), 64), strict=False)
    else:
        network, one = ip_network((address, 24), strict=False), ip_network(address)
    return ("account", account, str(network)), ("address", "", str(one))
