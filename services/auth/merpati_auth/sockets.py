"""Listening sockets: the public port on the configured addresses, the internal one for our services alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from merpati.platform.settings import Settings, words

_FAMILIES = {"all": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


def public_sockets(settings: Settings) -> list[socket.socket]:
    """`api_port` on every address of `host`, without the IP version that `inet_protocols` leaves out."""
    family = _FAMILIES[settings.inet_protocols]
    other = {"all": None, "ipv4": True, "ipv6": False}[settings.inet_protocols]
    hosts = [host.strip("[]") for host in words(settings.host)]
    places = {
        (found[0], found[4][:2]): None
        for host in hosts
        if (":" in host) is not other or host == "*"
        for found in socket.getaddrinfo(
            None if host == "*" else host,
            settings.api_port,
            family,
            socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    }
    return [
        _listener(family, str(host), int(port))
        for family, (host, port) in places
        if host != "::" or _has_ipv6()
    ]


def _has_ipv6() -> bool:
    """Whether this machine can listen by IPv6 at all: `*` promises only what there is."""
    try:
        _listener(socket.AF_INET6, "::1", 0).close()
    except OSError:
        return False
    return True


def internal_socket(endpoint: str) -> socket.socket:
    """The unix socket (for this user alone), or the TCP port, at which our services ask."""
    if not endpoint.startswith("unix:"):
        url = urlsplit(endpoint)
        family = socket.AF_INET6 if ":" in (url.hostname or "") else socket.AF_INET
        return _listener(family, url.hostname or "127.0.0.1", url.port or 80)
    path = Path(endpoint.removeprefix("unix:"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of a process that was killed; a live one would hold our port too
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener


def _listener(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((host, port))
    return listener
