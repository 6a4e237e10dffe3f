"""The statements of delivery: one enters any number of messages, whatever they become, in one round trip."""

from __future__ import annotations

from functools import cache

from merpati.platform import mail_events
from merpati.queue import ENQUEUE
from merpati.store import PLACE_SQL

NOT_PLACED = "MP001"
"""SQLSTATE of `mail.require_placed`; the error's detail is a list like `1 over_quota,3 no_mailbox`."""

_PLACED = (
    f"WITH placed AS MATERIALIZED ({PLACE_SQL}), checked AS MATERIALIZED ("  # noqa: S608
    "SELECT mail.require_placed(array_agg(ordinal), array_agg(status)) AS done FROM placed) "
)
_LOGGED = f"platform.log_events({mail_events.ARGUMENTS})"

_COUNTED = "queue.count_submitted(%s::bigint[], %s::integer[])"


@cache
def enter(*, placements: bool, rows: bool, submitted: bool) -> str:
    """The statement that enters messages. Arguments: of those parts that there are, in this order; then the trail."""
    parts = [ENQUEUE] * rows + [_COUNTED] * submitted + [_LOGGED]
    select = "SELECT " + ", ".join(parts)
    return f"{_PLACED} {select} FROM checked WHERE done" if placements else select


# What accounts have and may have, octets; a quota of 0 is unlimited.
ROOM = """
SELECT a.account_id, a.used, coalesce(d.quota, %s::bigint)
FROM mail.accounts a JOIN directory.accounts d ON d.id = a.account_id WHERE a.account_id = ANY (%s)
"""

# Whether the server process that ran a statement still does: until it is gone, its transaction may yet commit.
RUNNING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
