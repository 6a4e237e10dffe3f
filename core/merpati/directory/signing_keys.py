"""`SigningKeys`: the private keys of a domain, for the one service that signs."""

from __future__ import annotations

import asyncio

from merpati.directory.cache import ReadCache
from merpati.platform.db import Database
from merpati.platform.errors import Invalid, Unavailable
from merpati.platform.events import DIRECTORY, Bell
from merpati.signing import DkimKey, load

_TTL = 60.0
"""Seconds for which keys are remembered where the bell's rings are lost."""
_SIZE = 1_000
_QUERY = """
SELECT k.selector, k.private_key
FROM directory.domains d LEFT JOIN directory.dkim_keys k ON k.domain_id = d.id AND k.active
WHERE d.name = %s ORDER BY k.algorithm DESC
"""


class _NotOurs(Exception):
    """No domain of this server: not remembered, for it may become one at any time."""


class SigningKeys:
    """Keys by domain, remembered until the directory's bell rings."""

    def __init__(self, db: Database, bell: Bell | None) -> None:
        self._db = db
        self._cache: ReadCache[str, tuple[DkimKey, ...]] = ReadCache(_TTL, _SIZE)
        if bell is not None:
            bell.watch(DIRECTORY, self._cache.drop)

    async def of(self, domain: str) -> tuple[DkimKey, ...]:
        """The keys that sign for `domain` (folded); none where it is not ours.

        Raises `Unavailable` where it is ours and its keys can't be had: then nothing may leave unsigned.
        """
        try:
            return await self._cache.get(domain, lambda: self._read(domain))
        except _NotOurs:
            return ()

    async def _read(self, domain: str) -> tuple[DkimKey, ...]:
        async with self._db.connection() as conn:
            rows = await (await conn.execute(_QUERY, (domain,))).fetchall()
        if not rows:
            raise _NotOurs
        pems = [(selector, pem.encode()) for selector, pem in rows if selector is not None]
        if not pems:
            raise Unavailable(f"the domain {domain} has no DKIM key")
        try:
            # OpenSSL checks the primes of an RSA key as it reads it: a tenth of a second.
            return await asyncio.to_thread(lambda: tuple(load(domain, *pem) for pem in pems))
        except Invalid as error:
            raise Unavailable(str(error)) from error
