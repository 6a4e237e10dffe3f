"""When a message that could not be delivered is tried again: a pure function of its age, as in Postfix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from merpati.platform.settings import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The one clock that retry times come from, unless a test brings its own."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Wait as long as the message has waited already, within bounds: 5, 10, 20, 40 minutes, then 66 each."""

    minimal: float
    maximal: float

    @classmethod
    def of(cls, settings: Settings) -> RetryPolicy:
        return cls(settings.queue_minimal_backoff, settings.queue_maximal_backoff)

    def next_at(self, created_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
        """The time of the next attempt; None: it has waited for its whole lifetime (RFC 5321 4.5.4.1)."""
        if now >= expires_at:
            return None
        wait = min(max((now - created_at).total_seconds(), self.minimal), self.maximal)
        # The last attempt falls on the end of the lifetime, not a backoff later.
        return min(now + timedelta(seconds=wait), max(expires_at, now + timedelta(seconds=self.minimal)))
