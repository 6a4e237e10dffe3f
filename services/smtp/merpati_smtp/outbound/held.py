"""The rows that this worker holds, and until when it may act on each."""

from __future__ import annotations

import time
from collections.abc import Iterable

from merpati.queue import QueueRow
from merpati_smtp.outbound.mail import Mail

_CAUTION = 0.9
"""The share of a lease that we rely on: Postgres's clock began to count before ours."""


class Held:
    """Leases as this process knows them, by its own monotonic clock."""

    def __init__(self, lease: float) -> None:
        self._lease = lease * _CAUTION
        self._rows: dict[int, tuple[QueueRow, float]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> list[QueueRow]:
        return [row for row, _ in self._rows.values()]

    def add(self, rows: Iterable[QueueRow]) -> None:
        """Rows just claimed."""
        until = time.monotonic() + self._lease
        self._rows.update((row.id, (row, until)) for row in rows)

    def prolong(self, row_ids: set[int]) -> None:
        """Leases that Postgres prolonged just now."""
        until = time.monotonic() + self._lease
        for row_id in row_ids & self._rows.keys():
            self._rows[row_id] = self._rows[row_id][0], until

    def remove(self, rows: Iterable[QueueRow]) -> None:
        for row in rows:
            self._rows.pop(row.id, None)

    def ours(self, mail: Mail) -> bool:
        """Whether `mail` may be begun. If not, another worker may have it: it is forgotten here."""
        now = time.monotonic()
        if all(row.id in self._rows and self._rows[row.id][1] > now for row in mail.rows):
            return True
        self.remove(mail.rows)
        return False
