"""What became of claimed rows, and how it is written down: one statement for many rows, with their trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from merpati.platform import mail_events
from merpati.platform.mail_events import MailEvent
from merpati.platform.text import storable
from merpati.queue.types import Failure, QueueRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed row: tried again at `next_at`, held, or (neither) finished."""

    row: QueueRow
    event: str | None
    """What the trail says; None: whoever made the outcome has written it already."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    next_at: datetime | None = None
    held: bool = False
    failure: Failure | None = None


def completed(row: QueueRow, **detail: Any) -> Outcome:
    """The row was sent; `detail` goes into the trail."""
    return Outcome(row, mail_events.SENT, detail)


def delivered(row: QueueRow) -> Outcome:
    """The row was delivered here, which delivery has entered in the trail."""
    return Outcome(row, None)


def failed(row: QueueRow, event: str, failure: Failure, **detail: Any) -> Outcome:
    """The row is finished: it was given up."""
    return Outcome(row, event, {**failure_detail(failure), **detail}, failure=failure)


def held(row: QueueRow, failure: Failure) -> Outcome:
    """The row waits for the postmaster, because nobody else may be told of its failure."""
    return Outcome(row, mail_events.HELD, failure_detail(failure), held=True, failure=failure)


def failure_detail(failure: Failure) -> dict[str, Any]:
    """A failure as the trail keeps it."""
    detail = {
        "status": failure.status,
        "reason": failure.reason,
        "reply": failure.reply,
        "remote": failure.remote,
    }
    return {key: value for key, value in detail.items() if value is not None}


def settle_arguments(outcomes: Sequence[Outcome]) -> tuple[Any, ...]:
    """The arrays of `sql.SETTLE`."""
    events = [
        MailEvent(outcome.row.trace_id, outcome.event or "", detail=outcome.detail) for outcome in outcomes
    ]
    *_, details = mail_events.arguments(events)
    return (
        [outcome.row.id for outcome in outcomes],
        [outcome.row.attempt for outcome in outcomes],
        [outcome.next_at for outcome in outcomes],
        [outcome.held for outcome in outcomes],
        [outcome.failure.status if outcome.failure else None for outcome in outcomes],
        [storable(outcome.failure.words) if outcome.failure else None for outcome in outcomes],
        [outcome.event for outcome in outcomes],
        details,
    )
