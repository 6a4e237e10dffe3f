"""The store's statements. What changes mail is a function of the schema (store_functions.sql); this reads and calls."""

from __future__ import annotations

MAILBOX_COLUMNS = """b.account_id, b.id, b.name, b.dir, b.special_use, b.subscribed, b.uidvalidity, b.uidnext,
    b.modseq, b.floor, b.exists, b.unseen, b.deleted, b.size, b.recent_uid"""

MAILBOXES = f"SELECT {MAILBOX_COLUMNS} FROM mail.mailboxes b WHERE b.account_id = %s ORDER BY b.name"
MAILBOX_BY_NAME = f"SELECT {MAILBOX_COLUMNS} FROM mail.mailboxes b WHERE b.account_id = %s AND b.name = %s"
MAILBOX_BY_ID = f"SELECT {MAILBOX_COLUMNS} FROM mail.mailboxes b WHERE b.account_id = %s AND b.id = %s"
MAILBOX_BY_USE = f"""SELECT {MAILBOX_COLUMNS} FROM mail.mailboxes b
    WHERE b.account_id = %s AND b.special_use = %s ORDER BY b.id LIMIT 1"""

# A whole folder as four byte strings: a row a message would cost ten times as much.
_COLUMNS = """string_agg(int8send(m.uid), ''::bytea), string_agg(int2send(m.flags), ''::bytea),
    string_agg(int8send(m.modseq), ''::bytea), array_agg(m.uid) FILTER (WHERE m.keywords <> '{}'),
    array_agg(array_to_string(m.keywords, ' ')) FILTER (WHERE m.keywords <> '{}')"""

SNAPSHOT = f"""SELECT {MAILBOX_COLUMNS}, found.*
  FROM mail.mailboxes b, LATERAL (
       SELECT {_COLUMNS} FROM (
              SELECT uid, flags, modseq, keywords FROM mail.mailbox_messages
               WHERE account_id = %(account)s AND mailbox_id = %(mailbox)s ORDER BY uid) AS m) AS found
 WHERE b.account_id = %(account)s AND b.id = %(mailbox)s"""

# What the change log says since a MODSEQ, with the present state of the messages it names; one statement,
# so that folder, log and messages are of one moment.
REFRESH = f"""WITH log AS MATERIALIZED (
       SELECT kind, uids FROM mail.changes
        WHERE account_id = %(account)s AND mailbox_id = %(mailbox)s AND modseq > %(since)s
), span AS MATERIALIZED (  -- what several changes name, once
       SELECT unnest(range_agg(int8range(split_part(part, ':', 1)::bigint,
                                         coalesce(nullif(split_part(part, ':', 2), ''), part)::bigint, '[]'))) AS uids
         FROM log CROSS JOIN LATERAL unnest(string_to_array(log.uids, ',')) AS part WHERE log.kind < 2)
SELECT {MAILBOX_COLUMNS}, found.*, (SELECT string_agg(uids, ',') FROM log WHERE kind = 2)
  FROM mail.mailboxes b, LATERAL (
       SELECT {_COLUMNS} FROM (
              SELECT uid, flags, modseq, keywords FROM span JOIN mail.mailbox_messages
                  ON account_id = %(account)s AND mailbox_id = %(mailbox)s
                 AND uid >= lower(span.uids) AND uid < upper(span.uids)
               ORDER BY uid) AS m) AS found
 WHERE b.account_id = %(account)s AND b.id = %(mailbox)s"""

CLAIM_RECENT = """UPDATE mail.mailboxes b SET recent_uid = b.uidnext - 1
  FROM (SELECT recent_uid, id FROM mail.mailboxes WHERE account_id = %(account)s AND id = %(mailbox)s FOR UPDATE) AS old
 WHERE b.account_id = %(account)s AND b.id = old.id RETURNING old.recent_uid"""

LOCK_ACCOUNT = "SELECT modseq FROM mail.accounts WHERE account_id = %s FOR NO KEY UPDATE"

STORE_FLAGS = """SELECT modseq, updated, failed FROM mail.store_flags(
    %b::bigint, %b::bigint, %b::bigint[], %b::bigint[], %b::text, %b::smallint, %b::text[], %b::bigint)"""
EXPUNGE = """SELECT modseq, uids FROM mail.expunge(
    %b::bigint, %b::bigint, %b::bigint[], %b::bigint[], %b::smallint, %b::interval)"""
COPY = """SELECT status, uidvalidity, modseq, source_uids, target_uids FROM mail.copy(
    %b::bigint, %b::bigint, %b::bigint, %b::text, %b::bigint[], %b::text[], %b::smallint[], %b::boolean,
    %b::interval, %b::bigint)"""

# Where the files of some messages are.
LOCATIONS = """SELECT m.uid, b.dir, m.base, m.mirrored, e.size
  FROM unnest(%b::bigint[], %b::bigint[]) AS r(lo, hi)
  JOIN mail.mailbox_messages m
    ON m.account_id = %b::bigint AND m.mailbox_id = %b::bigint AND m.uid BETWEEN r.lo AND r.hi
  JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
  JOIN mail.emails e ON e.account_id = m.account_id AND e.id = m.email_id
 ORDER BY m.uid"""
LOCATION = """SELECT b.dir, m.base, m.mirrored FROM mail.mailbox_messages m
  JOIN mail.mailboxes b ON b.account_id = m.account_id AND b.id = m.mailbox_id
 WHERE m.account_id = %(account)s AND m.mailbox_id = %(mailbox)s AND m.uid = %(uid)s
 UNION ALL
SELECT file_dir, base, mirrored FROM mail.unlink_log
 WHERE account_id = %(account)s AND mailbox_id = %(mailbox)s AND uid = %(uid)s"""
PENDING_DIRS = "SELECT old_dir FROM mail.renames WHERE account_id = %s AND new_dir = %s ORDER BY id"

QUOTA = """SELECT a.used, mail.quota_of(a.account_id, %s), a.messages FROM mail.accounts a WHERE a.account_id = %s"""
