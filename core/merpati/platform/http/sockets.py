"""Listening sockets on the configured addresses."""

from __future__ import annotations

import socket

from merpati.platform.addresses import FAMILIES, listening
from merpati.platform.settings import Settings


def listeners(settings: Settings, port: int) -> list[socket.socket]:
    """`port` on every address that `host` and `inet_protocols` name."""
    family = FAMILIES[settings.inet_protocols]
    places = {
        (found[0], found[4][:2]): None
        for host in listening(settings)
        for found in socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    }
    return [bound(family, str(host), int(number)) for family, (host, number) in places]


def bound(family: int, host: str, port: int) -> socket.socket:
    """A socket bound to one address, of its own IP version alone."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host, port))
    return sock
