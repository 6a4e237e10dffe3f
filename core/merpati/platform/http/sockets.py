"""Listening sockets on the configured addresses."""

from __future__ import annotations

import socket

from merpati.platform.settings import Settings, words

_FAMILIES = {"all": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


def listeners(settings: Settings, port: int) -> list[socket.socket]:
    """`port` on every address of `host`, without the IP version that `inet_protocols` leaves out."""
    family = _FAMILIES[settings.inet_protocols]
    other = {"all": None, "ipv4": True, "ipv6": False}[settings.inet_protocols]
    hosts = [host.strip("[]") for host in words(settings.host)]
    places = {
        (found[0], found[4][:2]): None
        for host in hosts
        if (":" in host) is not other or host == "*"
        for found in socket.getaddrinfo(
            None if host == "*" else host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    }
    return [
        bound(family, str(host), int(number))
        for family, (host, number) in places
        if host != "::" or _has_ipv6()
    ]


def _has_ipv6() -> bool:
    """Whether this machine can listen by IPv6 at all: `*` promises only what there is."""
    try:
        bound(socket.AF_INET6, "::1", 0).close()
    except OSError:
        return False
    return True


def bound(family: int, host: str, port: int) -> socket.socket:
    """A socket bound to one address, of its own IP version alone."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host, port))
    return sock
