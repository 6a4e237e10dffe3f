"""Our Received line (RFC 5321 4.4), as far as it is known before the message itself."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from merpati.delivery import Trace
from merpati_smtp.server.session import Session

_UNSAFE = re.compile(r"[^A-Za-z0-9.:_\[\]-]")


def trace_of(session: Session, hostname: str, trace_id: str) -> Trace:
    """The line for a message with this trace id: who said what, from where, over which protocol."""
    helo = _UNSAFE.sub("?", session.host_name or "unknown")[:255]
    lines = [f"Received: from {helo} ({_literal(session.client)})"]
    if session.tls is not None:
        cipher = session.tls.cipher()
        lines.append(f"(using {session.tls.version()} with cipher {cipher[0] if cipher else 'unknown'})")
    if session.verdict is not None:
        lines.append("(Authenticated)")
    lines.append(f"by {hostname} (Merpati) with {protocol(session)}")
    lines.append(f"id {trace_id}")
    return Trace("\r\n\t".join(lines).encode(), datetime.now().astimezone())


def protocol(session: Session) -> str:
    """The `with` keyword (RFC 3848): S where TLS is active, A where the client logged in."""
    if not session.extended_smtp:
        return "SMTP"
    return "ESMTP" + "S" * (session.tls is not None) + "A" * (session.verdict is not None)


@lru_cache(maxsize=4_096)
def _literal(client: str) -> str:
    """An address literal (RFC 5321 4.1.3)."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return "[unknown]"
    if isinstance(address, IPv6Address):
        return f"[{address.ipv4_mapped}]" if address.ipv4_mapped else f"[IPv6:{address}]"
    return f"[{address}]"
