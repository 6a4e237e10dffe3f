"""How much one client address may have of us: connections at a time, messages in a minute."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from merpati.platform.settings import Settings

_REMEMBERED = 10_000
"""Addresses whose rate is remembered: an attacker with more of them must not fill our memory."""


@lru_cache(maxsize=4_096)
def client_key(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 that an IPv6 customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((parsed, 64), strict=False))
    return address


class Clients:
    """Counts clients over all listeners. Networks of ours are not limited, only the total is."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._networks = settings.networks
        self._total_limit = settings.smtp_connection_limit
        self._limit = settings.smtp_client_connection_limit
        self._rate = settings.smtp_client_rate
        self._clock = clock
        self._connections: Counter[str] = Counter()
        self._total = 0
        self._allowance: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def is_ours(self, address: str) -> bool:
        """Whether `mynetworks` names the address."""
        return bool(self._networks) and _inside(address, self._networks)

    def enter(self, address: str) -> bool:
        """Count a connection; False if there are too many. Call `leave` either way."""
        key = client_key(address)
        self._total += 1
        self._connections[key] += 1
        if self._total > self._total_limit:
            return False
        return self._connections[key] <= self._limit or self.is_ours(address)

    def leave(self, address: str) -> None:
        key = client_key(address)
        self._total -= 1
        self._connections[key] -= 1
        if not self._connections[key]:
            del self._connections[key]

    def may_send(self, address: str) -> bool:
        """Take one message from the address's allowance: a bucket of a minute's worth that refills steadily."""
        if not self._rate or self.is_ours(address):
            return True
        key = client_key(address)
        now = self._clock()
        left, since = self._allowance.pop(key, (float(self._rate), now))
        left = min(float(self._rate), left + (now - since) * self._rate / 60)
        granted = left >= 1
        self._allowance[key] = (left - 1 if granted else left, now)
        if len(self._allowance) > _REMEMBERED:
            self._allowance.popitem(last=False)
        return granted


def _inside(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
