"""A message as DATA brings it: in memory while it is small, in the spool as soon as it is not."""

from __future__ import annotations

from collections.abc import Callable

from merpati.platform.errors import MerpatiError
from merpati.store import SpooledFile, SpoolWriter

SPILL = 256 * 1024
"""Above this a message goes to disk while it arrives: its fsync is then short, and memory stays bounded."""


class Body:
    """Collects one message, up to `limit` octets; beyond, or after a failure of the spool, it only counts.

    The client is told at the end of DATA, because it does not listen before (RFC 5321 4.2.5).
    """

    def __init__(self, limit: int, open_spool: Callable[[], SpoolWriter]) -> None:
        self._limit = limit
        self._open_spool = open_spool
        self._memory = bytearray()  # not a list: a client may send octet by octet
        self._spool: SpoolWriter | None = None
        self.size = 0
        self.failure: MerpatiError | None = None

    @property
    def too_big(self) -> bool:
        return self.size > self._limit

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.failure is not None:
            return
        try:
            self._keep(piece)
        except MerpatiError as error:
            self.failure = error
            self.discard()

    def _keep(self, piece: bytes) -> None:
        if self.too_big:
            self.discard()
        elif self._spool is not None:
            self._spool.write(piece)
        else:
            self._memory += piece
            if self.size > SPILL:
                self._spill()

    def _spill(self) -> None:
        self._spool = self._open_spool()
        self._spool.write(self._memory)
        self._memory = bytearray()

    def finish(self) -> bytes | SpooledFile:
        """The whole message. A spooled one now belongs to the caller."""
        spool, self._spool = self._spool, None
        return spool.finish() if spool is not None else bytes(self._memory)

    def discard(self) -> None:
        """Give the message up; safe to call at any time."""
        self._memory = bytearray()
        if self._spool is not None:
            self._spool.discard()
            self._spool = None
