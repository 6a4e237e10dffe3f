"""The statements of delivery: one enters any number of messages, whatever they become, in one round trip."""

from __future__ import annotations

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

PLACE = f"{_PLACED} SELECT {_LOGGED} FROM checked WHERE done"  # noqa: S608
PLACE_AND_QUEUE = f"{_PLACED} SELECT {ENQUEUE}, {_LOGGED} FROM checked WHERE done"  # noqa: S608
QUEUE = f"SELECT {ENQUEUE}, {_LOGGED}"

# What accounts have and may have, octets; a quota of 0 is unlimited.
ROOM = """
SELECT a.account_id, a.used, coalesce(d.quota, %s::bigint)
FROM mail.accounts a JOIN directory.accounts d ON d.id = a.account_id WHERE a.account_id = ANY (%s)
"""

# Whether the server process that ran a statement still does: until it is gone, its transaction may yet commit.
RUNNING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
