"""Entering messages whose files are on disk: the arguments of the SQL function `mail.place`, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.message import Summary
from merpati.platform import arrays
from merpati.platform.text import storable
from merpati.store.flags import NO_FLAGS, Flag

MAX_REFERENCES = 50  # of a thread's ancestors, the nearest; hostile mail names thousands

PLACE_SQL = """SELECT ordinal, status, mailbox_id, uid, uidvalidity, modseq, email_id FROM mail.place(
    %b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::smallint[], %b::text[], %b::text[], %b::bigint[],
    %b::integer[], %b::timestamptz[], %b::smallint[], %b::text[], %b::text[], %b::bigint[], %b::timestamptz[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::boolean[], %b::bytea[],
    %b::bytea[], %b::bytea[], %b::bytea[], %b::bigint)"""
"""One statement for any number of messages; may stand beside others in a CTE. Arguments: `place_arguments`."""


@dataclass(slots=True)
class Placement:
    """One message for one account, its file already linked at `base` in the folder's directory `dir`."""

    account_id: int
    base: str
    summary: Summary
    file_size: int
    trace_id: str
    mailbox_id: int | None = None  # None: INBOX
    dir: str = ""  # where the file was linked; the folder must still be there
    prefix_len: int = 0
    sender: str | None = None
    recipient: str | None = None
    received_at: datetime | None = None  # None: now, by Postgres's clock
    received_offset: int = 0  # minutes east of UTC
    flags: Flag = NO_FLAGS
    keywords: frozenset[str] = frozenset()
    quota_grace: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a placement: `status` is placed, over_quota or no_mailbox (gone, or renamed: link again)."""

    ordinal: int  # from 1
    status: str
    mailbox_id: int | None
    uid: int | None
    uidvalidity: int | None
    modseq: int | None
    email_id: int | None


def place_arguments(placements: Sequence[Placement], default_quota: int) -> list[Any]:
    """The parameters of `PLACE_SQL`; `default_quota` is `mailbox_size_limit`."""
    summaries = [item.summary for item in placements]
    return [
        arrays.bigints([item.account_id for item in placements]),
        arrays.bigints([item.mailbox_id for item in placements]),
        arrays.texts([item.dir for item in placements]),
        arrays.texts([item.base for item in placements]),
        arrays.smallints([int(item.flags) for item in placements]),
        arrays.texts([" ".join(sorted(item.keywords)) for item in placements]),
        arrays.texts([item.trace_id for item in placements]),
        arrays.bigints([item.file_size for item in placements]),  # codec 0: the file is the message
        arrays.integers([item.prefix_len for item in placements]),
        arrays.timestamps([item.received_at for item in placements]),
        arrays.smallints([item.received_offset for item in placements]),
        arrays.texts([None if item.sender is None else storable(item.sender) for item in placements]),
        arrays.texts([None if item.recipient is None else storable(item.recipient) for item in placements]),
        arrays.bigints([item.quota_grace for item in placements]),
        arrays.timestamps([summary.sent_at for summary in summaries]),
        arrays.texts([summary.message_id for summary in summaries]),
        arrays.texts(["\n".join(summary.reference_ids[-MAX_REFERENCES:]) for summary in summaries]),
        arrays.texts([summary.subject for summary in summaries]),
        arrays.texts([summary.from_text for summary in summaries]),
        arrays.texts([summary.to_text for summary in summaries]),
        arrays.texts([summary.preview for summary in summaries]),
        arrays.booleans([summary.has_attachment for summary in summaries]),
        arrays.byteas([summary.envelope for summary in summaries]),
        arrays.byteas([summary.body for summary in summaries]),
        arrays.byteas([summary.bodystructure for summary in summaries]),
        arrays.byteas([summary.headers for summary in summaries]),
        default_quota,
    ]
