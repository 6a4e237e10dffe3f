"""The listener: uvicorn on our own sockets, our TLS context, and the process's own signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from merpati.platform import service
from merpati.platform.settings import Settings, words

_FAMILIES = {"all": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


class Server(uvicorn.Server):
    """Says that it is ready once it listens, and leaves the signals to `service.run`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        service.ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: ASGIApp, settings: Settings, context: ssl.SSLContext | None, stop: asyncio.Event
) -> None:
    """Serve until `stop`; requests in hand are finished."""
    options: dict[str, Any] = {"ssl_context_factory": lambda *_: context} if context else {}
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # Nobody in front of us is trusted to name the client but the proxies of the setting.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=words(settings.trusted_proxies),
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        **options,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=await _sockets(settings)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


async def _sockets(settings: Settings) -> list[socket.socket]:
    hosts: list[str | None] = [None] if "*" in words(settings.host) else list(words(settings.host))
    loop = asyncio.get_running_loop()
    sockets: list[socket.socket] = []
    for host in hosts:
        found = await loop.getaddrinfo(
            host,
            settings.web_port,
            family=_FAMILIES[settings.inet_protocols],
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        for family, kind, protocol, _, address in found:
            sockets.append(_bound(family, kind, protocol, address))
    return sockets


def _bound(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    return sock
