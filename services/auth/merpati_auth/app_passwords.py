"""App passwords: generated, one a device, stored as a keyed hash (they have 100 bits; stretching adds nothing)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.platform.db import Connection
from merpati.platform.errors import Conflict, NotFound
from merpati_auth.keys import Keys

SCOPES = ("imap", "pop3", "smtp")  # never web or api: a device's password must not change the account
MAX_PER_ACCOUNT = 100
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 of them, none that looks like another
_SHAPE = re.compile(rf"[{_LETTERS}]{{20}}")


@dataclass(frozen=True, slots=True)
class AppPassword:
    """What is shown of an app password after it was made."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used: datetime | None


_LIST = """
SELECT id, name, scopes, created_at, last_used FROM auth.app_passwords WHERE account_id = %s ORDER BY id
"""
_INSERT = """
INSERT INTO auth.app_passwords (account_id, name, digest, scopes) VALUES (%s, %s, %s, %s)
ON CONFLICT (account_id, name) DO NOTHING RETURNING id, name, scopes, created_at, last_used
"""
_DELETE = """
DELETE FROM auth.app_passwords WHERE account_id = %s AND id = %s
RETURNING id, name, scopes, created_at, last_used
"""
_FIND = "SELECT id, scopes FROM auth.app_passwords WHERE account_id = %s AND digest = %s"
_USED = """
UPDATE auth.app_passwords SET last_used = now()
WHERE id = %s AND (last_used IS NULL OR last_used < now() - interval '5 minutes')
"""


def generate() -> str:
    """A new app password, in groups for reading aloud."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(20))
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5))


def plain(password: str) -> str | None:
    """The password without its groups, if it can be an app password at all."""
    letters = password.replace("-", "").replace(" ", "").lower()
    return letters if _SHAPE.fullmatch(letters) else None


async def listing(conn: Connection, account_id: int) -> list[AppPassword]:
    return [_shown(row) for row in await (await conn.execute(_LIST, (account_id,))).fetchall()]


async def create(
    conn: Connection, keys: Keys, account_id: int, name: str, scopes: Sequence[str]
) -> tuple[AppPassword, str]:
    """Make one; the password itself is returned this once. Raises `Conflict`."""
    if len(await listing(conn, account_id)) >= MAX_PER_ACCOUNT:
        raise Conflict(f"an account has at most {MAX_PER_ACCOUNT} app passwords: delete one first")
    password = generate()
    digest = keys.app_password(account_id, password.replace("-", ""))
    row = await (await conn.execute(_INSERT, (account_id, name, digest, list(scopes)))).fetchone()
    if row is None:
        raise Conflict(f"there is an app password {name!r} already", kind="app password", name=name)
    return _shown(row), password


async def delete(conn: Connection, account_id: int, app_password_id: int) -> AppPassword:
    """Revoke one; the caller ends the account's sessions. Raises `NotFound`."""
    row = await (await conn.execute(_DELETE, (account_id, app_password_id))).fetchone()
    if row is None:
        raise NotFound(f"there is no app password {app_password_id} of this account")
    return _shown(row)


async def find(conn: Connection, keys: Keys, account_id: int, password: str) -> frozenset[str] | None:
    """The scopes of the app password that `password` is, noting its use; None if it is none."""
    letters = plain(password)
    if letters is None:
        return None
    row = await (await conn.execute(_FIND, (account_id, keys.app_password(account_id, letters)))).fetchone()
    if row is None:
        return None
    await conn.execute(_USED, (row[0],))
    return frozenset(row[1])


def _shown(row: tuple[Any, ...]) -> AppPassword:
    app_password_id, name, scopes, created_at, last_used = row
    return AppPassword(app_password_id, name, tuple(scopes), created_at, last_used)
