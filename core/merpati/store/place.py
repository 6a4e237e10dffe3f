"""Entering messages whose files are on disk: the arguments of the SQL function `mail.place`, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.message import Summary
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
        [item.account_id for item in placements],
        [item.mailbox_id for item in placements],
        [item.dir for item in placements],
        [item.base for item in placements],
        [int(item.flags) for item in placements],
        [" ".join(sorted(item.keywords)) for item in placements],
        [item.trace_id for item in placements],
        [item.file_size for item in placements],  # codec 0: the file is the message
        [item.prefix_len for item in placements],
        [item.received_at for item in placements],
        [item.received_offset for item in placements],
        [None if item.sender is None else storable(item.sender) for item in placements],
        [None if item.recipient is None else storable(item.recipient) for item in placements],
        [item.quota_grace for item in placements],
        [summary.sent_at for summary in summaries],
        [summary.message_id for summary in summaries],
        ["\n".join(summary.reference_ids[-MAX_REFERENCES:]) for summary in summaries],
        [summary.subject for summary in summaries],
        [summary.from_text for summary in summaries],
        [summary.to_text for summary in summaries],
        [summary.preview for summary in summaries],
        [summary.has_attachment for summary in summaries],
        [summary.envelope for summary in summaries],
        [summary.body for summary in summaries],
        [summary.bodystructure for summary in summaries],
        [summary.headers for summary in summaries],
        default_quota,
    ]
