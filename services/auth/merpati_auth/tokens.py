"""Bearer tokens of the REST API: random, stored as a keyed hash, ended by time, logout or a new `auth_version`."""

from __future__ import annotations

import secrets
from datetime import datetime

from merpati.directory import Verdict
from merpati.platform.db import Connection
from merpati_auth.keys import Keys

PREFIX = "merpati_"  # so that a scanner finds a token that leaked into a repository

_INSERT = """
INSERT INTO auth.tokens (account_id, digest, auth_version, expires_at)
VALUES (%s, %s, %s, now() + make_interval(secs => %s)) RETURNING expires_at
"""
_FIND = "SELECT account_id, auth_version FROM auth.tokens WHERE digest = %s AND expires_at > now()"
_KEEP = "UPDATE auth.tokens SET auth_version = %s WHERE digest = %s"


async def create(conn: Connection, keys: Keys, whose: Verdict, lifetime: int) -> tuple[str, datetime]:
    """A new token and when it expires; forgets those that have expired."""
    await conn.execute("DELETE FROM auth.tokens WHERE expires_at < now()")
    token = PREFIX + secrets.token_urlsafe(32)
    values = (whose.account_id, keys.token(token), whose.auth_version, lifetime)
    row = await (await conn.execute(_INSERT, values)).fetchone()
    assert row is not None
    return token, row[0]


async def find(conn: Connection, digest: bytes) -> tuple[int, int] | None:
    """Account and `auth_version` of a token that has not expired."""
    row = await (await conn.execute(_FIND, (digest,))).fetchone()
    return (row[0], row[1]) if row else None


async def keep(conn: Connection, digest: bytes, auth_version: int) -> None:
    """Let this token outlive the change that its own bearer just made."""
    await conn.execute(_KEEP, (auth_version, digest))


async def revoke(conn: Connection, digest: bytes) -> None:
    await conn.execute("DELETE FROM auth.tokens WHERE digest = %s", (digest,))


async def revoke_all(conn: Connection, account_id: int) -> None:
    await conn.execute("DELETE FROM auth.tokens WHERE account_id = %s", (account_id,))
