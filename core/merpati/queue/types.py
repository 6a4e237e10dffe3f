"""The rows of the queue as its callers see them, and what can become of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from merpati.platform import arrays
from merpati.platform.text import storable

Kind = Literal["remote", "local"]


@dataclass(slots=True)
class NewQueueRow:
    """One recipient's message, about to be entered with the transaction that accepts it."""

    trace_id: str
    kind: Kind
    account_id: int | None
    """Who submitted it; None: it came from outside."""
    sender: str
    recipient: str
    original_recipient: str | None
    file: str
    """The row's own link, named by `files.new_file`, below the mail root."""
    prefix_len: int
    size: int
    eightbit: bool
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A claimed row: whoever holds it may settle it as long as `attempt` is still its own."""

    id: int
    trace_id: str
    kind: Kind
    account_id: int | None
    sender: str
    recipient: str
    original_recipient: str | None
    next_hop: str
    file: str
    prefix_len: int
    size: int
    eightbit: bool
    smtputf8: bool
    created_at: datetime
    expires_at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery did not happen, in words for the sender."""

    status: str
    """RFC 3463 code; its class says whether it is for good (5) or for now (4)."""
    reason: str
    """One English sentence of ours."""
    reply: str | None = None
    """The remote server's own words, if it spoke."""
    remote: str | None = None
    """The server that spoke, or could not be reached."""

    @property
    def permanent(self) -> bool:
        return self.status.startswith("5")

    @property
    def words(self) -> str:
        """The shortest true account: the remote's words, else ours."""
        return self.reply or self.reason


ENQUEUE = (
    "queue.enqueue(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],"
    " %s::integer[], %s::bigint[], %s::boolean[], %s::boolean[], %s::double precision)"
)
"""The call that enters rows, for statements that make it beside others."""


def enqueue_arguments(rows: Sequence[NewQueueRow], lifetime: float) -> list[Any]:
    """The parameters of `ENQUEUE`; `lifetime` is the setting `queue_lifetime`."""
    return [
        arrays.texts([row.trace_id for row in rows]),
        arrays.texts([row.kind for row in rows]),
        arrays.bigints([row.account_id for row in rows]),
        arrays.texts([storable(row.sender) for row in rows]),
        arrays.texts([storable(row.recipient) for row in rows]),
        arrays.texts(
            [None if row.original_recipient is None else storable(row.original_recipient) for row in rows]
        ),
        arrays.texts([row.file for row in rows]),
        arrays.integers([row.prefix_len for row in rows]),
        arrays.bigints([row.size for row in rows]),
        arrays.booleans([row.eightbit for row in rows]),
        arrays.booleans([row.smtputf8 for row in rows]),
        lifetime,
    ]
