"""`Directory`: who there is, as every service asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from merpati.directory import sql
from merpati.directory.address import fold_address, fold_domain, split_address, without_detail
from merpati.directory.cache import ReadCache
from merpati.directory.model import Account, LocalTarget, Resolution
from merpati.directory.resolve import Entry, Expansion
from merpati.platform.db import Connection, Database
from merpati.platform.errors import Invalid
from merpati.platform.events import DIRECTORY, Bell
from merpati.platform.settings import Settings


class Directory:
    """Reads of domains, addresses and accounts, remembered until the directory's bell rings.

    Without a bell, and while rings are lost, an answer is at most `sweep_interval` old. `scoped` is for the
    browser-facing role, which sees only the account that the transaction names.
    """

    def __init__(
        self, db: Database, settings: Settings, bell: Bell | None = None, *, scoped: bool = False
    ) -> None:
        self._db = db
        self._settings = settings
        self._scoped = scoped
        ttl = settings.sweep_interval
        self._resolutions: ReadCache[str, Resolution] = ReadCache(ttl)
        self._domains: ReadCache[str, bool] = ReadCache(ttl)
        self._senders: ReadCache[int, frozenset[str]] = ReadCache(ttl)
        self._accounts: ReadCache[int, Account | None] = ReadCache(ttl)
        if bell is not None:
            bell.watch(DIRECTORY, self.drop)

    def drop(self) -> None:
        """Forget what was read: the directory changed."""
        for cache in (self._resolutions, self._domains, self._senders, self._accounts):
            cache.drop()

    async def resolve(self, address: str) -> Resolution:
        """Where mail for `address` goes. Raises `Invalid` where it is no address."""
        return await self._resolutions.get(address, lambda: self._resolve(address))

    async def is_local_domain(self, domain: str) -> bool:
        """Whether mail for `domain` ends here."""
        try:
            name = fold_domain(domain)
        except Invalid:
            return False
        return await self._domains.get(name, lambda: self._is_local_domain(name))

    async def may_send_as(self, account_id: int, address: str) -> bool:
        """Whether the account may write `address` (with any subaddress) as the sender."""
        try:
            local, domain = split_address(fold_address(address))
        except Invalid:
            return False
        allowed = await self.sender_addresses(account_id)
        plain = without_detail(local, self._settings.recipient_delimiter)
        return f"{local}@{domain}" in allowed or f"{plain}@{domain}" in allowed

    async def sender_addresses(self, account_id: int) -> frozenset[str]:
        """The account's own addresses, and the aliases that name it as a target."""
        return await self._senders.get(account_id, lambda: self._sender_addresses(account_id))

    async def account(self, account_id: int) -> Account | None:
        """The account, unless it was deleted."""
        return await self._accounts.get(account_id, lambda: self._account(account_id))

    async def account_by_address(self, address: str) -> Account | None:
        """The account whose login name is `address`."""
        try:
            folded = fold_address(address)
        except Invalid:
            return None
        async with self._db.connection() as conn:
            row = await (await conn.execute(sql.ACCOUNT_BY_ADDRESS, (folded,))).fetchone()
        return Account(*row) if row else None

    @asynccontextmanager
    async def _reading(self, account_id: int) -> AsyncIterator[Connection]:
        if self._scoped:
            async with self._db.transaction(account_id) as conn:
                yield conn
        else:
            async with self._db.connection() as conn:
                yield conn

    async def _account(self, account_id: int) -> Account | None:
        async with self._reading(account_id) as conn:
            row = await (await conn.execute(sql.ACCOUNT_BY_ID, (account_id,))).fetchone()
        return Account(*row) if row else None

    async def _sender_addresses(self, account_id: int) -> frozenset[str]:
        async with self._reading(account_id) as conn:
            rows = await (await conn.execute(sql.SENDER_ADDRESSES, (account_id,))).fetchall()
        return frozenset(address for (address,) in rows)

    async def _is_local_domain(self, name: str) -> bool:
        async with self._db.connection() as conn:
            row = await (await conn.execute(sql.DOMAIN_EXISTS, (name,))).fetchone()
        return bool(row and row[0])

    async def _resolve(self, address: str) -> Resolution:
        return await Expansion(
            lookup=self._lookup,
            first_postmaster=self._first_postmaster,
            delimiters=self._settings.recipient_delimiter,
            hostname=self._settings.myhostname,
        ).run(address)

    async def _lookup(self, names: Sequence[tuple[str, str]]) -> Sequence[Entry]:
        columns = [local for local, _ in names], [domain for _, domain in names]
        async with self._db.connection() as conn:
            rows = await (await conn.execute(sql.LOOKUP, columns)).fetchall()
        return [
            Entry(
                local_domain=local_domain,
                enabled=enabled,
                contact=contact,
                kind=kind,
                account=LocalTarget(account_id, address) if account_id is not None else None,
                receives=receives,
                has_mailbox=bool(has_mailbox),
                targets=targets,
            )
            for (
                local_domain,
                enabled,
                contact,
                kind,
                account_id,
                address,
                receives,
                has_mailbox,
                targets,
            ) in rows
        ]

    async def _first_postmaster(self) -> LocalTarget | None:
        async with self._db.connection() as conn:
            row = await (await conn.execute(sql.FIRST_POSTMASTER)).fetchone()
        return LocalTarget(*row) if row else None
