"""Where a domain's mail goes: MX hosts and their addresses (RFC 5321 5.1, RFC 7505), or the relayhost."""

from __future__ import annotations

import random
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from merpati.platform.settings import Settings
from merpati.queue import Failure
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.resolver import NoName, Resolver, TemporaryDNSError

_ADDRESS_LIMIT = 10
"""Addresses tried in one attempt; the rest has its turn in the next."""
_ANY = ("", "0.0.0.0", "::")  # noqa: S104
_RELAYHOST = re.compile(r"(\[[^\]]+\]|[^:\[\]]+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Hop:
    """One address of one server."""

    name: str
    address: str
    port: int

    @property
    def label(self) -> str:
        """As it is shown to people."""
        return f"{self.name}[{self.address}]:{self.port}"


class NoRoute(Exception):
    """There is nowhere to send; the failure says why and whether for good."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Relay:
    """The setting `relayhost`, parsed."""

    host: str
    port: int | None
    direct: bool
    """[host]: its own addresses, without MX."""

    @classmethod
    def of(cls, value: str) -> Relay | None:
        """Raises `ValueError` where it is neither [host]:port nor host:port."""
        if not value.strip():
            return None
        match = _RELAYHOST.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"relayhost is neither [host]:port nor host:port: {value!r}")
        host = match[1]
        return cls(host.strip("[]"), int(match[2]) if match[2] else None, host.startswith("["))


class Router:
    """Answers with hops in the order in which they are to be tried."""

    def __init__(self, settings: Settings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self.relay = Relay.of(settings.relayhost)

    async def route(self, domain: str) -> list[Hop]:
        """The hops for mail to `domain`. Raises `NoRoute`."""
        try:
            if self.relay is not None:
                return await self._by_relay(self.relay)
            if domain.startswith("["):
                return self._literal(domain)
            return await self._by_mx(domain, self._settings.smtp_out_port)
        except TemporaryDNSError as error:
            raise NoRoute(failures.dns_unavailable(domain, str(error))) from error

    async def _by_relay(self, relay: Relay) -> list[Hop]:
        port = relay.port or self._settings.smtp_out_port
        try:
            if relay.direct:
                return await self._addresses([relay.host], port, relay.host)
            return await self._by_mx(relay.host, port)
        except NoRoute as error:
            # A mistyped relayhost is the postmaster's to repair, and no reason to bounce everyone's mail.
            raise NoRoute(failures.no_relay(relay.host, error.failure)) from error

    def _literal(self, domain: str) -> list[Hop]:
        """user@[192.0.2.1], user@[IPv6:2001:db8::1] (RFC 5321 4.1.3)."""
        text = domain.strip("[]")
        try:
            address = str(ip_address(text.removeprefix("IPv6:").removeprefix("ipv6:")))
        except ValueError:
            raise NoRoute(failures.no_such_domain(domain)) from None
        hop = Hop(domain, address, self._settings.smtp_out_port)
        if self._is_own(hop):
            raise NoRoute(failures.loops_to_us(domain))
        return [hop]

    async def _by_mx(self, domain: str, port: int) -> list[Hop]:
        try:
            exchanges = await self._resolver.mx(domain)
        except NoName:
            raise NoRoute(failures.no_such_domain(domain)) from None
        if [name for _, name in exchanges] == [""]:  # RFC 7505
            raise NoRoute(failures.null_mx(domain))
        if not exchanges:
            return await self._addresses([domain], port, domain)  # the implicit MX
        names = self._before_us([item for item in exchanges if item[1]], domain)
        return await self._addresses(names, port, domain)

    def _before_us(self, exchanges: list[tuple[int, str]], domain: str) -> list[str]:
        """Names by preference, equal ones in random order; none that is no better than we are (RFC 5321 5.1)."""
        ours = min((n for n, name in exchanges if name == self._settings.myhostname.lower()), default=1 << 16)
        better = [(preference, random.random(), name) for preference, name in exchanges if preference < ours]  # noqa: S311
        if not better:
            raise NoRoute(failures.loops_to_us(domain))
        return [name for _, _, name in sorted(better)]

    async def _addresses(self, names: list[str], port: int, domain: str) -> list[Hop]:
        hops: list[Hop] = []
        trouble: str | None = None
        for name in names:
            try:
                hops += [Hop(name, address, port) for address in await self._resolver.addresses(name)]
            except NoName:
                continue
            except TemporaryDNSError as error:
                trouble = str(error)
            if any(map(self._is_own, hops)):
                # We are an MX of this domain under another name: servers from here on are no better.
                hops = hops[: next(index for index, hop in enumerate(hops) if self._is_own(hop))]
                if not hops:
                    raise NoRoute(failures.loops_to_us(domain))
                break
            if len(hops) >= _ADDRESS_LIMIT:
                break
        if not hops:
            if trouble is not None:
                raise NoRoute(failures.dns_unavailable(domain, trouble))
            raise NoRoute(failures.no_address(domain))
        return hops[:_ADDRESS_LIMIT]

    def _is_own(self, hop: Hop) -> bool:
        if hop.port != self._settings.smtp_port:
            return False
        listening = self._settings.host.strip("[]")
        return hop.address == listening or (listening in _ANY and _is_this_machine(hop.address))


def _is_this_machine(address: str) -> bool:
    """Whether an interface here has `address`: only then can a socket be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
