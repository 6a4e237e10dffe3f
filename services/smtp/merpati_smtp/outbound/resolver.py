"""DNS questions about mail, asked of the setting `dns_server` or of the machine's resolvers."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Literal

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from merpati.platform.settings import Settings

_LIFETIME = 20.0
"""Seconds a question may take in all."""
_CACHE_SIZE = 20_000


class NoName(Exception):
    """The name does not exist: a definite answer."""


class TemporaryDNSError(Exception):
    """There is no definite answer now."""


class Resolver:
    """MX and address look-ups; answers are kept as long as their TTL says."""

    def __init__(self, settings: Settings) -> None:
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._server = settings.dns_server
        self._versions: Literal["all", "ipv4", "ipv6"] = settings.inet_protocols

    async def mx(self, domain: str) -> list[tuple[int, str]]:
        """(preference, name) of each MX; the name is '' in a null MX. Empty: the domain has none."""
        answer = await self._ask(domain, "MX")
        return sorted(
            (record.preference, record.exchange.to_text(omit_final_dot=True).lower().rstrip("."))
            for record in answer
        )

    async def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses, as `inet_protocols` allows; the name may be an address itself."""
        try:
            return [str(ip_address(name))]
        except ValueError:
            pass
        found: list[str] = []
        trouble: TemporaryDNSError | None = None
        for version, kind in (("ipv6", "AAAA"), ("ipv4", "A")):
            if self._versions not in ("all", version):
                continue
            try:
                found += [record.address for record in await self._ask(name, kind)]
            except TemporaryDNSError as error:  # one family may do
                trouble = error
        if trouble is not None and not found:
            raise trouble
        return found

    async def _ask(self, name: str, kind: str) -> Iterable[Any]:
        try:
            question = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            raise NoName(name) from None  # a label too long, or the like: it can't exist
        try:
            return await self._ready().resolve(question, kind, lifetime=_LIFETIME, search=False)
        except dns.resolver.NXDOMAIN:
            raise NoName(name) from None
        except dns.resolver.NoAnswer:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryDNSError(f"{name} {kind}: {type(error).__name__}") from error

    def _ready(self) -> dns.asyncresolver.Resolver:
        """The resolver; made when it is first needed, so that a missing resolv.conf is no reason not to start."""
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._server)
            if self._server:
                host, _, port = self._server.rpartition(":")
                resolver.nameservers = [host.strip("[]")]
                resolver.port = int(port)
            resolver.cache = dns.resolver.LRUCache(_CACHE_SIZE)
            self._resolver = resolver
        return self._resolver
