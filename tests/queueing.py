"""Rows in the queue with their files, as delivery would have entered them: for tests of what happens next."""

from __future__ import annotations

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.platform.trace import new_trace_id
from merpati.queue import ENQUEUE, NewQueueRow, QueueFiles, enqueue_arguments, new_file

MESSAGE = (
    b"Message-ID: <1@example.com>\r\nSubject: Cuti\r\nFrom: tito@example.com\r\nTo: sari@example.net\r\n"
    b"\r\nHalo.\r\n.\r\nSampai nanti.\r\n"
)


class Enqueuer:
    """Call it with recipients to enter a row for each, all of one message; fields of `NewQueueRow` may be given."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._files = QueueFiles(settings.mail_root)

    async def __call__(
        self,
        *recipients: str,
        content: bytes = MESSAGE,
        lifetime: float | None = None,
        trace_id: str | None = None,
        **fields: object,
    ) -> list[int]:
        """The ids of the rows."""
        trace_id = trace_id or new_trace_id()
        rows = [self._row(recipient, content, trace_id, fields) for recipient in recipients]
        lifetime = self._settings.queue_lifetime if lifetime is None else lifetime
        async with self._db.connection() as conn:
            result = await conn.execute(f"SELECT {ENQUEUE}", enqueue_arguments(rows, lifetime))
            found = await result.fetchone()
        assert found is not None
        return list(found[0])

    def _row(self, recipient: str, content: bytes, trace_id: str, fields: dict[str, object]) -> NewQueueRow:
        values: dict[str, object] = {
            "trace_id": trace_id,
            "kind": "remote",
            "account_id": 1,
            "sender": "tito@example.com",
            "recipient": recipient,
            "original_recipient": None,
            "file": new_file(trace_id),
            "prefix_len": 0,
            "size": len(content),
            "eightbit": not content.isascii(),
            **fields,
        }
        row = NewQueueRow(**values)  # type: ignore[arg-type]
        self._files.write(row.file, content)
        return row
