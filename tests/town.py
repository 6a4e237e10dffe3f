"""A domain with accounts and aliases in a real Postgres, and the door in front of it."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from merpati.delivery import Delivery, Incoming, Recipient, Trace
from merpati.directory import Directory
from merpati.directory.admin import dkim
from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.platform.trace import new_trace_id
from merpati.signing import Algorithm, DkimKey, generate
from merpati.store import MailFiles, provision

MESSAGE = (
    b"From: tito@example.com\r\nTo: iqbal@example.com\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n\r\nHi.\r\n"
)


@dataclass
class Town:
    """A domain of its own for each test."""

    settings: Settings
    owner: Database
    db: Database
    files: MailFiles
    delivery: Delivery
    domain: str
    domain_id: int

    async def account(self, name: str, quota: int | None = None) -> int:
        address = f"{name}@{self.domain}"
        async with self.owner.transaction() as conn:
            account_id = await _one(
                conn,
                "INSERT INTO directory.accounts (domain_id, address, quota) VALUES (%s, %s, %s) RETURNING id",
                (self.domain_id, address, quota),
            )
            await conn.execute(
                "INSERT INTO directory.addresses (domain_id, local_part, kind, account_id)"
                " VALUES (%s, %s, 'account', %s)",
                (self.domain_id, name, account_id),
            )
            await provision(conn, account_id)
        return account_id

    async def alias(self, name: str, *targets: str) -> None:
        async with self.owner.transaction() as conn:
            address_id = await _one(
                conn,
                "INSERT INTO directory.addresses (domain_id, local_part, kind) VALUES (%s, %s, 'alias') RETURNING id",
                (self.domain_id, name),
            )
            for target in targets:
                await conn.execute(
                    "INSERT INTO directory.alias_targets (address_id, target) VALUES (%s, %s)",
                    (address_id, target),
                )

    def at(self, name: str) -> str:
        return f"{name}@{self.domain}"

    async def incoming(self, *recipients: str, content: Any = MESSAGE, **more: Any) -> Incoming:
        directory = Directory(self.db, self.settings)
        return Incoming(
            trace_id=new_trace_id(),
            sender="tito@elsewhere.example",
            recipients=[Recipient(item, await directory.resolve(item)) for item in recipients],
            content=content,
            trace=Trace(
                b"Received: from x\r\n\tby test with SMTP\r\n\tid 1",
                datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
            ),
            **more,
        )

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.owner.connection() as conn:
            return await (await conn.execute(query, arguments)).fetchall()

    async def inbox(self, account_id: int) -> list[Path]:
        """The files of the Inbox's rows, in UID order; each must be there."""
        rows = await self.rows(
            "SELECT base FROM mail.mailbox_messages WHERE account_id = %s ORDER BY uid", account_id
        )
        paths = [self.files.path(account_id, "", base, 0) for (base,) in rows]
        assert sorted(paths) == sorted((self.files.maildir(account_id) / "cur").glob("*"))
        return paths

    async def trail(self, trace_id: str) -> list[tuple[Any, ...]]:
        return await self.rows(
            "SELECT kind, address FROM platform.mail_events WHERE trace_id = %s ORDER BY id", trace_id
        )


async def _one(conn: Any, query: str, arguments: tuple[Any, ...]) -> int:
    row = await (await conn.execute(query, arguments)).fetchone()
    return int(row[0])


_numbers = itertools.count(1)


@functools.cache
def dkim_keys(domain: str) -> list[DkimKey]:
    """A pair of the domain's own; the RSA key's numbers, which take long to find, are the same for all."""
    return [
        DkimKey(domain, "m202611r", _rsa().private),
        generate(domain, "m202611e", Algorithm.ED25519),
    ]


@functools.cache
def _rsa() -> DkimKey:
    return generate("any.example", "any", Algorithm.RSA)


async def found_town(settings: Settings, owner: Database, db: Database) -> Town:
    """A new domain; `db` is the database under the role of the service that delivers."""
    domain = f"town{next(_numbers)}.example"
    async with owner.connection() as conn:
        domain_id = await _one(
            conn, "INSERT INTO directory.domains (name) VALUES (%s) RETURNING id", (domain,)
        )
        await dkim.enter(conn, domain, dkim_keys(domain))
    files = MailFiles.of(settings)
    return Town(settings, owner, db, files, Delivery(db, files, None, settings), domain, domain_id)
