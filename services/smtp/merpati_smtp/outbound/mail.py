"""One message for one destination: the rows that share it, and what became of each recipient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from merpati.queue import QueueRow

RECIPIENTS_LIMIT = 50
"""Recipients in one transaction; RFC 5321 4.5.3.1.8 makes every server take 100."""


@dataclass(slots=True, eq=False)
class Mail:
    """Rows whose files are links to one message, sent in one transaction."""

    rows: list[QueueRow]
    returns: int = field(default=0)
    """How often a connection died under it before the server had said a word about it."""

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(row.recipient for row in self.rows)

    @property
    def smtputf8(self) -> bool:
        """RFC 6531: needed by the addresses, or asked for when the message came in."""
        first = self.rows[0]
        return first.smtputf8 or not all(map(str.isascii, (first.sender, *self.recipients)))


def group(rows: Iterable[QueueRow]) -> list[Mail]:
    """Put together what can go in one transaction, in the order of the rows."""
    mails: dict[tuple[object, ...], list[Mail]] = {}
    ordered: list[Mail] = []
    for row in rows:
        key = (row.next_hop, row.trace_id, row.sender, row.prefix_len, row.size, row.kind)
        known = mails.setdefault(key, [])
        if row.kind == "remote" and known and len(known[-1].rows) < RECIPIENTS_LIMIT:
            known[-1].rows.append(row)
        else:
            known.append(Mail([row]))
            ordered.append(known[-1])
    return ordered
