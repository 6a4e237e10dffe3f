"""The threads in which hashes are computed: as many as processors, with a bounded queue before them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from merpati.platform.errors import Throttled
from merpati_auth.passwords import schemes

R = TypeVar("R")

_WAITING = 200  # about five seconds' work for two processors; who comes later is asked to come back


class HashPool:
    """Hashes and verifies off the loop."""

    def __init__(self, workers: int | None = None, waiting: int = _WAITING) -> None:
        self._threads = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="hash")
        self._room = waiting
        # What a name without a password is compared with, so that it takes as long as any other.
        self._nobody = schemes.make("nobody's password")

    async def make(self, password: str) -> str:
        """Hash a new password. Raises `Throttled` when too many wait."""
        return await self._run(lambda: schemes.make(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; without a stored hash it takes as long, and is wrong."""
        if stored is None:
            await self._run(lambda: schemes.verify(self._nobody, password))
            return False
        return await self._run(lambda: schemes.verify(stored, password))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], R]) -> R:
        if self._room <= 0:
            raise Throttled("too many logins at once", retry_after=5.0)
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1
