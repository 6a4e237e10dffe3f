"""The SQL of the queue, beside its callers (the functions `queue.enqueue` and `queue.claim` are in the schema)."""

from __future__ import annotations

from merpati.platform import mail_events

COLUMNS = (
    "id, trace_id, kind, account_id, sender, recipient, original_recipient, next_hop, file, prefix_len,"
    " size, eightbit, smtputf8, created_at, expires_at, attempt"
)
"""The fields of `QueueRow`, in order."""

CLAIM = "SELECT claimed, hop, account FROM queue.claim(%s, %s, %s, %s, %s, %s::text[], %s, %s, %s)"

CLAIMED = f"SELECT {COLUMNS} FROM queue.messages WHERE id = ANY(%s::bigint[]) AND worker = %s ORDER BY id"  # noqa: S608

HEARTBEAT = """
UPDATE queue.messages AS m SET lease_until = now() + make_interval(secs => %s)
FROM unnest(%s::bigint[], %s::integer[]) AS mine (id, attempt)
WHERE m.id = mine.id AND m.attempt = mine.attempt
RETURNING m.id
"""

GIVE_BACK = "UPDATE queue.messages SET lease_until = NULL, worker = NULL WHERE worker = %s"

# Settle many rows at once. An outcome without `next_at` finishes its row, unless it is held. The trail is written
# for those rows alone whose `attempt` is still the caller's.
SETTLE = """
WITH outcome AS (
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::timestamptz[], %s::boolean[], %s::text[], %s::text[],
                         %s::text[], %s::text[])
             AS o (id, attempt, next_at, held, status, reply, event, detail)
), finished AS (
    DELETE FROM queue.messages AS m USING outcome AS o
    WHERE m.id = o.id AND m.attempt = o.attempt AND o.next_at IS NULL AND NOT o.held
    RETURNING m.id, m.trace_id, m.recipient, m.file, o.event, o.detail
), kept AS (
    UPDATE queue.messages AS m
    SET next_at = coalesce(o.next_at, m.next_at), held = o.held, last_status = o.status, last_reply = o.reply,
        lease_until = NULL, worker = NULL
    FROM outcome AS o
    WHERE m.id = o.id AND m.attempt = o.attempt AND (o.next_at IS NOT NULL OR o.held)
    RETURNING m.id, m.trace_id, m.recipient, NULL::text AS file, o.event, o.detail
), settled AS (
    SELECT * FROM finished UNION ALL SELECT * FROM kept
), trail AS (
    SELECT platform.log_events(array_agg(trace_id), array_agg(event), array_agg(recipient),
                               array_agg(NULL::text), array_agg(detail)) AS written
    FROM settled WHERE event IS NOT NULL
)
SELECT settled.id, settled.file FROM settled, trail
"""

ENTRY_COLUMNS = (
    "id, trace_id, kind, account_id, sender, recipient, size, created_at, expires_at, next_at, held, attempt,"
    " coalesce(lease_until > now(), false) AS active, last_status, last_reply"
)

LIST = f"""
SELECT {ENTRY_COLUMNS} FROM queue.messages
WHERE id > %(after)s
  AND (%(trace_id)s::text IS NULL OR trace_id = %(trace_id)s)
  AND (%(sender)s::text IS NULL OR sender = %(sender)s)
  AND (%(recipient)s::text IS NULL OR recipient = %(recipient)s)
  AND (%(domain)s::text IS NULL OR next_hop = %(domain)s)
  AND (%(account_id)s::bigint IS NULL OR account_id = %(account_id)s)
  AND (%(held)s::boolean IS NULL OR held = %(held)s)
ORDER BY id LIMIT %(limit)s
"""  # noqa: S608

GET = f"SELECT {ENTRY_COLUMNS} FROM queue.messages WHERE id = %s"  # noqa: S608

SET_HELD = f"UPDATE queue.messages SET held = %s WHERE id = %s RETURNING {ENTRY_COLUMNS}"  # noqa: S608

RETRY = f"""
UPDATE queue.messages SET held = false, next_at = least(next_at, %s) WHERE id = %s RETURNING {ENTRY_COLUMNS}
"""  # noqa: S608

DELETE = """
DELETE FROM queue.messages WHERE id = %s AND (lease_until IS NULL OR lease_until < now())
RETURNING trace_id, recipient, file
"""

KNOWN_FILES = "SELECT file FROM queue.messages WHERE file = ANY(%s::text[])"

LOG = f"SELECT platform.log_events({mail_events.ARGUMENTS})"

DEPTH = """
SELECT count(*), count(*) FILTER (WHERE NOT held AND last_status IS NOT NULL), count(*) FILTER (WHERE held),
       extract(epoch FROM now() - min(created_at))::float8
FROM queue.messages
"""
