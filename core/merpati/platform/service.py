"""The life of a service process: loop, signals, readiness (sd_notify), graceful stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from merpati.platform import settings as settings_module
from merpati.platform import telemetry
from merpati.platform.errors import Invalid
from merpati.platform.settings import Settings

_ALIVE_INTERVAL = 5.0
"""Seconds; health checks allow six times as much."""


def notify(message: str) -> None:
    """Tell the supervisor (the launcher, or systemd) in the sd_notify protocol; silent without one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.connect(target)
        sock.sendall(f"{message}\nMAINPID={os.getpid()}".encode())


def ready() -> None:
    """Say that the service's listeners are open, and from now on that its loop turns."""
    notify("READY=1")
    alive = os.environ.get("MERPATI_ALIVE_FILE")
    if alive:
        _touch_while_alive(asyncio.get_running_loop(), Path(alive))


def _touch_while_alive(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """Keep `path` fresh: a container's health check reads its age, which costs no connection and no Python."""
    path.touch()
    loop.call_later(_ALIVE_INTERVAL, _touch_while_alive, loop, path)


def run(name: str, main: Callable[[Settings, asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main(settings, stop)` under uvloop; SIGTERM and SIGINT set `stop`, and `main` then finishes its work."""
    try:
        settings = settings_module.load()
    except Invalid as error:
        sys.exit(str(error))
    telemetry.configure(name, settings.log_level)

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await main(settings, stop)

    uvloop.run(body())


async def until(stop: asyncio.Event, *background: Awaitable[None]) -> None:
    """Run background coroutines until `stop`; a crash of one ends the process, so that the supervisor restarts it."""
    tasks = [asyncio.ensure_future(item) for item in background]
    waiter = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await end(waiter, *tasks)


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: `asyncio.wait_for` of Python 3.11, which the database pool uses, swallows a cancellation
    that comes together with its result, and a loop for ever would go on for ever.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.5)
    await asyncio.gather(*tasks, return_exceptions=True)
