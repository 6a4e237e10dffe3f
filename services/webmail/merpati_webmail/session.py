"""Browser sessions: the cookie, its row, and every reason for which a session ends."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from merpati.directory import Account, Directory, Verdict
from merpati.platform.db import Database
from merpati.platform.settings import Settings

_INSERT = """
INSERT INTO webmail.sessions (digest, account_id, auth_version, csrf, expires_at)
VALUES (%s, %s, %s, %s, now() + make_interval(secs => %s))
"""
_SELECT = """
SELECT account_id, auth_version, csrf, seen_at < now() - interval '1 minute' FROM webmail.sessions
WHERE digest = %s AND expires_at > now() AND seen_at > now() - make_interval(secs => %s)
"""
_TOUCH = "UPDATE webmail.sessions SET seen_at = now() WHERE digest = %s"
_DELETE = "DELETE FROM webmail.sessions WHERE digest = %s"
_DELETE_OTHERS = "DELETE FROM webmail.sessions WHERE account_id = %s AND digest <> %s"
_RENEW = "UPDATE webmail.sessions SET auth_version = %s WHERE digest = %s"
_SWEEP = """
DELETE FROM webmail.sessions
WHERE account_id = %s AND (expires_at < now() OR seen_at < now() - make_interval(secs => %s))
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in, and as whom."""

    digest: bytes
    csrf: str
    account: Account


class Sessions:
    """Makes, reads and ends sessions."""

    def __init__(self, db: Database, directory: Directory, settings: Settings) -> None:
        self._db = db
        self._directory = directory
        self._lifetime = settings.session_lifetime
        self._idle = settings.session_idle

    async def start(self, verdict: Verdict, old: str | None) -> str:
        """A new session after a right password; gives its cookie. The browser's old one ends (no fixation)."""
        token = secrets.token_urlsafe(32)
        async with self._db.transaction() as conn:
            if old:
                await conn.execute(_DELETE, (_digest(old),))
            await conn.execute(_SWEEP, (verdict.account_id, self._idle))
            await conn.execute(
                _INSERT,
                (
                    _digest(token),
                    verdict.account_id,
                    verdict.auth_version,
                    secrets.token_urlsafe(32),
                    self._lifetime,
                ),
            )
        return token

    async def load(self, token: str | None, *, touch: bool = True) -> Session | None:
        """The session of a cookie: not expired, its account still allowed in, no credential changed since."""
        if not token or len(token) > 100:
            return None
        digest = _digest(token)
        return await self.load_digest(digest, touch=touch)

    async def load_digest(self, digest: bytes, *, touch: bool = False) -> Session | None:
        """`load` for one who holds the digest: a page that watches must not keep its own session alive."""
        async with self._db.connection() as conn:
            row = await (await conn.execute(_SELECT, (digest, self._idle))).fetchone()
            if row is not None and touch and row[3]:
                await conn.execute(_TOUCH, (digest,))
        if row is None:
            return None
        account_id, auth_version, csrf, _ = row
        account = await self._directory.account(account_id)
        if account is None or not account.login_enabled or account.auth_version != auth_version:
            return None
        return Session(digest, csrf, account)

    async def end(self, session: Session) -> None:
        """Log this browser out."""
        async with self._db.connection() as conn:
            await conn.execute(_DELETE, (session.digest,))

    async def renew(self, session: Session, verdict: Verdict) -> None:
        """After a change of password: this browser stays, the account's other browsers go."""
        async with self._db.transaction() as conn:
            await conn.execute(_DELETE_OTHERS, (session.account.id, session.digest))
            await conn.execute(_RENEW, (verdict.auth_version, session.digest))

    def token_of(self, request: Request) -> str | None:
        """The cookie that the browser sent."""
        return request.cookies.get(cookie_name(request, "merpati"))

    def set_cookie(self, request: Request, response: Response, token: str) -> None:
        """Give the browser its cookie. Lax: a link to a mail from elsewhere works, a form from elsewhere does not."""
        response.set_cookie(
            cookie_name(request, "merpati"),
            token,
            max_age=self._lifetime,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )

    def clear_cookie(self, request: Request, response: Response) -> None:
        """Take the cookie back."""
        secure = request.url.scheme == "https"
        name = cookie_name(request, "merpati")
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")


def cookie_name(request: Request, name: str) -> str:
    """`__Host-`: only over TLS, for this host alone, never set by a neighbour (RFC 6265bis 4.1.3.2)."""
    return f"__Host-{name}" if request.url.scheme == "https" else name


def _digest(token: str) -> bytes:
    # The token has 256 random bits: a plain hash suffices, nothing can be guessed back from the row.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
