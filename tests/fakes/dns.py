"""A DNS server that says what a test tells it: the Internet's names, on a loopback port."""

from __future__ import annotations

import threading
from types import TracebackType

from dnslib import AAAA, MX, QTYPE, RCODE, RR, TXT, A, DNSRecord
from dnslib.dns import DNSError
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

_KINDS = {"MX": MX, "A": A, "AAAA": AAAA, "TXT": TXT}


class FakeDNS(BaseResolver):
    """Answers over UDP and TCP; names nobody made do not exist (NXDOMAIN).

    with FakeDNS() as dns:
        dns.mx("example.net", (10, "mx.example.net"))
        dns.address("mx.example.net", "127.0.0.2")
        settings: dns_server = dns.endpoint
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._lock = threading.Lock()
        self._records: dict[str, list[tuple[str, object]]] = {}
        self._failing: set[tuple[str, str]] = set()
        self._silent: set[str] = set()
        self.queries: list[tuple[str, str]] = []
        """Every (name, type) that was asked for."""
        self._udp, self._tcp = self._bind(host)
        self.host, self.port = self._udp.server.server_address[:2]

    @property
    def endpoint(self) -> str:
        """For the setting `dns_server`."""
        return f"{self.host}:{self.port}"

    def _bind(self, host: str) -> tuple[DNSServer, DNSServer]:
        """Both servers on one port, free for both."""
        logger = DNSLogger(log="-recv,-send,-request,-reply,-truncated,-error,-data", prefix=False)
        while True:
            udp = DNSServer(self, port=0, address=host, logger=logger)
            try:
                port = udp.server.server_address[1]
                return udp, DNSServer(self, port=port, address=host, tcp=True, logger=logger)
            except OSError:
                udp.server.server_close()

    # What the world looks like

    def mx(self, domain: str, *hosts: tuple[int, str]) -> None:
        """Mail for `domain` goes to `hosts`, each with its preference; none: MX records are taken away."""
        with self._lock:
            kept = [record for record in self._records.get(_name(domain), []) if record[0] != "MX"]
            added = [("MX", MX(host, preference)) for preference, host in hosts]
            self._records[_name(domain)] = kept + added

    def null_mx(self, domain: str) -> None:
        """`domain` takes no mail at all (RFC 7505)."""
        self.mx(domain, (0, "."))

    def address(self, name: str, *addresses: str) -> None:
        """The A and AAAA records of `name`; none: it exists without an address."""
        records = [("AAAA", AAAA(item)) if ":" in item else ("A", A(item)) for item in addresses]
        with self._lock:
            kept = [record for record in self._records.get(_name(name), []) if record[0] not in ("A", "AAAA")]
            self._records[_name(name)] = kept + records

    def txt(self, name: str, text: str) -> None:
        """A TXT record of `name`; a long text goes in several strings (RFC 7208 3.3)."""
        strings = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
        with self._lock:
            self._records.setdefault(_name(name), []).append(("TXT", TXT(strings)))

    def fail(self, name: str, kind: str = "*") -> None:
        """Questions for `name` (of one type, or all) are answered SERVFAIL."""
        with self._lock:
            self._failing.add((_name(name), kind))

    def be_silent(self, name: str) -> None:
        """Questions for `name` are never answered."""
        with self._lock:
            self._silent.add(_name(name))

    def heal(self) -> None:
        """Nothing fails or is silent any more."""
        with self._lock:
            self._failing.clear()
            self._silent.clear()

    def forget(self, name: str) -> None:
        """`name` does not exist any more."""
        with self._lock:
            self._records.pop(_name(name), None)

    # Answering

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        name, kind = _name(str(request.q.qname)), QTYPE[request.q.qtype]
        reply = request.reply()
        with self._lock:
            self.queries.append((name, kind))
            silent = name in self._silent
            failing = (name, "*") in self._failing or (name, kind) in self._failing
            records = self._records.get(name)
        if silent:
            raise DNSError("silent")  # the handler answers nothing
        if failing:
            reply.header.rcode = RCODE.SERVFAIL
        elif records is None:
            reply.header.rcode = RCODE.NXDOMAIN
        for known, value in records or () if not failing else ():
            if known == kind:
                reply.add_answer(RR(request.q.qname, request.q.qtype, rdata=value, ttl=1))
        return reply

    # Life

    def start(self) -> FakeDNS:
        self._udp.start_thread()
        self._tcp.start_thread()
        return self

    def stop(self) -> None:
        for server in (self._udp, self._tcp):
            server.server.shutdown()
            server.server.server_close()

    def __enter__(self) -> FakeDNS:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _name(name: str) -> str:
    return name.rstrip(".").lower()
