"""Counts: recomputed from the messages, under the account's lock."""

from __future__ import annotations

from merpati.store.context import Context
from merpati.store.findings import Findings
from merpati.store.folder_rows import lock

_WRONG_FOLDERS = """
WITH truth AS (
    SELECT b.id, b.name, count(m.uid) AS exists, count(*) FILTER (WHERE m.flags & 8 = 0) AS unseen,
           count(*) FILTER (WHERE m.flags & 4 <> 0) AS deleted, coalesce(sum(e.size), 0) AS size,
           greatest(b.uidnext, coalesce(max(m.uid), 0) + 1,
                    coalesce((SELECT max(uid) FROM mail.unlink_log u
                               WHERE u.account_id = b.account_id AND u.mailbox_id = b.id), 0) + 1) AS uidnext
      FROM mail.mailboxes b
      LEFT JOIN mail.mailbox_messages m ON m.account_id = b.account_id AND m.mailbox_id = b.id
      LEFT JOIN mail.emails e ON e.account_id = m.account_id AND e.id = m.email_id
     WHERE b.account_id = %s GROUP BY b.account_id, b.id)
SELECT t.* FROM truth t JOIN mail.mailboxes b ON b.account_id = %s AND b.id = t.id
 WHERE (b.exists, b.unseen, b.deleted, b.size, b.uidnext)
       IS DISTINCT FROM (t.exists, t.unseen, t.deleted, t.size, t.uidnext)"""

_WRONG_ACCOUNT = """
SELECT t.messages, t.used FROM mail.accounts a, LATERAL (
       SELECT count(*) AS messages, coalesce(sum(e.size), 0) AS used
         FROM mail.mailbox_messages m JOIN mail.emails e ON e.account_id = m.account_id AND e.id = m.email_id
        WHERE m.account_id = a.account_id) AS t
 WHERE a.account_id = %s AND (a.messages, a.used) IS DISTINCT FROM (t.messages, t.used)"""


async def recount(context: Context, account_id: int, findings: Findings) -> None:
    """Compare an account's counts with its messages, and put them right."""
    async with context.db.transaction() as conn:
        await lock(conn, account_id)
        cursor = await conn.execute(_WRONG_FOLDERS, (account_id, account_id))
        for mailbox_id, name, *truth in await cursor.fetchall():
            findings.add("counter", account_id, name)
            if findings.repair:
                await conn.execute(
                    """UPDATE mail.mailboxes SET exists = %s, unseen = %s, deleted = %s, size = %s, uidnext = %s
                        WHERE account_id = %s AND id = %s""",
                    (*truth, account_id, mailbox_id),
                )
        row = await (await conn.execute(_WRONG_ACCOUNT, (account_id,))).fetchone()
        if row is not None:
            findings.add("counter", account_id, "quota")
            if findings.repair:
                await conn.execute(
                    "UPDATE mail.accounts SET messages = %s, used = %s WHERE account_id = %s",
                    (*row, account_id),
                )
