"""Whose name and password these are: the order of memory, throttle and hash."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from merpati.directory import Account, Directory, Verdict, fold_address
from merpati.platform.db import Connection, Database
from merpati.platform.errors import BadCredentials, Invalid, Unavailable
from merpati.platform.telemetry import get_logger
from merpati_auth import app_passwords
from merpati_auth.keys import Keys
from merpati_auth.memory import Memory
from merpati_auth.passwords import schemes
from merpati_auth.passwords.pool import HashPool
from merpati_auth.throttle import WINDOW, Throttle

log = get_logger(__name__)

MIN_PASSWORD = 8
MAX_PASSWORD = 1_024  # octets
_RIGHT_TTL = 12 * 3_600.0  # since last used: a working day in which no guesser can get in the owner's way
_REMEMBERED = 100_000

EVERYTHING = frozenset({"imap", "pop3", "smtp", "web", "api"})
"""What a person's own password opens."""

_HASH = "SELECT hash FROM auth.passwords WHERE account_id = %s"
_SET_HASH = """
INSERT INTO auth.passwords (account_id, hash) VALUES (%s, %s)
ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = now()
"""
_REHASH = "UPDATE auth.passwords SET hash = %s WHERE account_id = %s AND hash = %s"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to log in."""

    username: str
    password: str
    service: str
    client: str


class Credentials:
    """Verifies passwords and app passwords."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        keys: Keys,
        throttle: Throttle,
        pool: HashPool,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._db = db
        self._directory = directory
        self._keys = keys
        self._throttle = throttle
        self._pool = pool
        self._right: Memory[frozenset[str]] = Memory(_RIGHT_TTL, _REMEMBERED, clock)
        self._wrong: Memory[bool] = Memory(WINDOW, _REMEMBERED, clock)

    async def verify(self, attempt: Attempt) -> Verdict:
        """The account. Raises `BadCredentials`, `Throttled` or `Unavailable`.

        Memory is keyed by the account's id and `auth_version`, so it outlives nothing that changes a credential; a
        password in it neither burns a processor nor counts again.
        """
        name = _fold(attempt.username)
        password = normalise(attempt.password)
        account = await self._directory.account_by_address(name) if name else None
        identity = (account.id, account.auth_version) if account else (0, 0)
        digest = self._keys.password(name, *identity, password)
        scopes = self._right.recall(digest, extend=True)
        if scopes is None and self._wrong.recall(digest) is None:
            scopes = await self._examine(name, account, password, digest, attempt.client)
        if account is None or not account.login_enabled or attempt.service not in (scopes or ()):
            self._refused(attempt, name, account, scopes)
            raise BadCredentials("wrong user name or password")
        return Verdict(
            account_id=account.id,
            address=account.address,
            role=account.role,
            has_mailbox=account.has_mailbox,
            auth_version=account.auth_version,
            display_name=account.display_name,
            language=account.language,
        )

    async def hash(self, password: str) -> str:
        """Hash a new password. Raises `Invalid` where it is too short or too long."""
        prepared = normalise(password)
        if len(prepared) < MIN_PASSWORD or len(prepared.encode()) > MAX_PASSWORD:
            raise Invalid(
                f"a password has between {MIN_PASSWORD} and {MAX_PASSWORD} characters", field="password"
            )
        return await self._pool.make(prepared)

    async def _examine(
        self, name: str, account: Account | None, password: str, digest: bytes, client: str
    ) -> frozenset[str] | None:
        """Compute what memory does not know; returns what the password opens."""
        self._throttle.attempt(name, client, digest)
        wrong = False
        try:
            scopes = await self._compare(account, password)
            wrong = scopes is None
        finally:
            if not wrong:  # right, or not looked at: the database was away, or too many waited
                self._throttle.take_back(name, client, digest)
        if scopes is None:
            self._wrong.remember(digest, True)
        else:
            self._right.remember(digest, scopes)
        return scopes

    async def _compare(self, account: Account | None, password: str) -> frozenset[str] | None:
        stored = None
        if account is not None:
            async with self._db.connection() as conn:
                scopes = await app_passwords.find(conn, self._keys, account.id, password)
                if scopes is not None:
                    return scopes
                row = await (await conn.execute(_HASH, (account.id,))).fetchone()
            stored = row[0] if row else None
        if not await self._pool.verify(stored, password):
            return None
        if account is not None and stored is not None and schemes.is_outdated(stored):
            with contextlib.suppress(Unavailable):  # the next login may find more time
                await self._rehash(account.id, stored, password)
        return EVERYTHING

    async def _rehash(self, account_id: int, stored: str, password: str) -> None:
        fresh = await self._pool.make(password)
        async with self._db.connection() as conn:
            await conn.execute(_REHASH, (fresh, account_id, stored))

    def _refused(
        self, attempt: Attempt, name: str, account: Account | None, scopes: frozenset[str] | None
    ) -> None:
        """Dull to strangers, specific to the operator."""
        if account is None:
            reason = "no such account"
        elif scopes is None:
            reason = "wrong password"
        elif not account.login_enabled:
            reason = "login disabled"
        else:
            reason = "app password not for this service"
        log.warning(
            "login refused", username=name, client=attempt.client, service_name=attempt.service, reason=reason
        )


async def set_hash(conn: Connection, account_id: int, password_hash: str) -> None:
    """Store an account's password; the caller ends its sessions."""
    await conn.execute(_SET_HASH, (account_id, password_hash))


def normalise(password: str) -> str:
    """NFC, as RFC 8265 4.2.2 asks: one keyboard writes é in one code point, another in two."""
    return unicodedata.normalize("NFC", password)


def _fold(username: str) -> str:
    try:
        return fold_address(username)
    except Invalid:
        return ""  # no account has this name; it takes as long as any other
