"""Who a session belongs to: the check of a password, and the end of sessions whose account changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Protocol

from merpati.directory import AuthClient, Directory, Verdict
from merpati.platform.errors import Denied, MerpatiError
from merpati.platform.events import DIRECTORY, Bell
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)

CHANGED = "Your account was changed, log in again"


class Session(Protocol):
    """What is ended when its account changes: a connection."""

    def stop(self, reason: str) -> None: ...


class Logins:
    """Verifies passwords, and knows the sessions of every account."""

    def __init__(self, settings: Settings, auth: AuthClient, directory: Directory, bell: Bell) -> None:
        self._plaintext = not settings.disable_plaintext_auth
        self._auth = auth
        self._directory = directory
        self._bell = bell
        self._sessions: dict[int, dict[Session, Verdict]] = defaultdict(dict)
        self._changed = asyncio.Event()
        self._rings = 0

    def allows_password(self, *, secure: bool) -> bool:
        """Whether a password may be sent now (RFC 8314: only over TLS, unless the setting says otherwise)."""
        return secure or self._plaintext

    async def verify(self, username: str, password: str, *, service: str, client: str) -> Verdict:
        """The account of this name and password.

        Raises `BadCredentials`, `Throttled`, `Unavailable`, and `Denied` for one without a mailbox.
        """
        rings = self._rings
        verdict = await self._auth.verify(username, password, service=service, client=client)
        if self._rings != rings:  # it may have changed before the session is entered
            self._changed.set()
        if not verdict.has_mailbox:
            raise Denied("This account has no mailbox")
        return verdict

    def enter(self, session: Session, verdict: Verdict) -> None:
        """Keep an eye on the session's account from now on."""
        self._sessions[verdict.account_id][session] = verdict

    def leave(self, session: Session, verdict: Verdict) -> None:
        """The session is over."""
        sessions = self._sessions.get(verdict.account_id)
        if sessions is None:
            return
        sessions.pop(session, None)
        if not sessions:
            del self._sessions[verdict.account_id]

    async def watch(self) -> None:
        """End the sessions of accounts that were disabled, deleted or given new credentials. Runs for ever."""
        self._bell.watch(DIRECTORY, self._rung)
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._check()
            except MerpatiError as error:  # the next sweep or ring looks again
                log.warning("accounts not checked", error=str(error))
                await asyncio.sleep(1)
                self._changed.set()

    def _rung(self) -> None:
        self._rings += 1
        self._changed.set()

    async def _check(self) -> None:
        for account_id in tuple(self._sessions):
            account = await self._directory.account(account_id)
            current = account.auth_version if account is not None and account.login_enabled else None
            for session, verdict in tuple(self._sessions.get(account_id, {}).items()):
                if verdict.auth_version != current:
                    log.info("session ended: account changed", address=verdict.address)
                    session.stop(CHANGED)
