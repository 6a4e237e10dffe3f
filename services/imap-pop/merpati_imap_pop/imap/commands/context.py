"""What a command's handler sees of its session: state, mailbox view, store, and the way to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import Flag as EnumFlag
from typing import Final, Protocol

from merpati.directory import Verdict
from merpati.platform.errors import MerpatiError, NotFound
from merpati.platform.events import account_channel
from merpati.platform.telemetry import get_logger
from merpati.store.spool import SpooledFile
from merpati_imap_pop.imap.commands.updates import render_changes
from merpati_imap_pop.imap.responses import Bad, No, Reply
from merpati_imap_pop.imap.view import NO_CHANGES, View
from merpati_imap_pop.services import Services

log = get_logger(__name__)

CHUNK: Final = 64 * 1024
"""Octets that are collected before they are sent."""


class State(EnumFlag):
    """RFC 9051 3."""

    NOT_AUTHENTICATED = 1
    AUTHENTICATED = 2
    SELECTED = 4
    LOGOUT = 8


class Channel(Protocol):
    """The client's connection."""

    secure: bool
    peer: str

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def stop_reading(self) -> None: ...
    async def start_tls(self) -> bool: ...
    def stop(self, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pending:
    """The command goes on with the client's next line (IDLE, AUTHENTICATE)."""

    on_line: Callable[[bytes], Outcome | Awaitable[Outcome]]


Outcome = Reply | Pending


class Context:
    """One session. Handlers change its state; `session.Session` runs them."""

    def __init__(self, channel: Channel, services: Services) -> None:
        self.channel = channel
        self.services = services
        self.store = services.store
        self.state = State.NOT_AUTHENTICATED
        self.tag = b""
        """Of the command in hand."""
        self.verdict: Verdict | None = None
        self.spooled: SpooledFile | None = None
        """The command's message, where it was too large to be kept in the command."""
        self.condstore = False
        self.failures = 0
        """Logins that failed."""
        self.idling = False
        self.after_reply: Callable[[], Awaitable[object]] | None = None
        self.on_ring: Callable[[], None] = lambda: None
        """Called while idling when something may have changed."""
        self.on_login: Callable[[], None] = lambda: None
        """Called when the client has become somebody."""
        self.capabilities: Callable[[], bytes] = lambda: b"IMAP4rev1"
        """The capabilities in the present state; set from the registry."""
        self._view: View | None = None
        self._stale = False
        self._output: list[bytes] = []
        self._output_size = 0

    # Who and where

    @property
    def account_id(self) -> int:
        if self.verdict is None:
            raise Bad("Log in first")
        return self.verdict.account_id

    @property
    def view(self) -> View:
        """The selected mailbox."""
        if self._view is None:
            raise Bad("Select a mailbox first")
        return self._view

    @property
    def mailbox_id(self) -> int:
        return self.view.mailbox.id

    def writable(self) -> View:
        """The selected mailbox, of a session that may change it."""
        if self.view.read_only:
            raise No("Mailbox is read-only", b"CANNOT")
        return self.view

    def enter(self, view: View) -> None:
        """`view` is selected from now on."""
        self._view = view
        self.state = State.SELECTED
        self._stale = True  # changes between its snapshot and now
        self.services.bell.watch(account_channel(self.account_id), self._rung)

    async def leave(self) -> bool:
        """Nothing is selected any more; whether something was.

        New messages that were told here as \\Recent are so for no later session.
        """
        view, self._view = self._view, None
        if view is None:
            return False
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED
        self.services.bell.unwatch(account_channel(self.account_id), self._rung)
        if view.has_unclaimed_recent:
            try:
                await self.store.claim_recent(self.account_id, view.mailbox.id)
            except MerpatiError as error:  # they are \\Recent once more: harmless
                log.info("recent messages not claimed", error=str(error))
        return True

    def _rung(self) -> None:
        self._stale = True
        if self.idling:
            self.on_ring()

    # Telling

    def send(self, data: bytes) -> bool:
        """Send, soon: pieces of one command go out together. True: time to `breathe`."""
        self._output.append(data)
        self._output_size += len(data)
        return self._output_size >= CHUNK

    def flush(self) -> None:
        if self._output:
            self.channel.write(b"".join(self._output))
            self._output.clear()
            self._output_size = 0

    async def breathe(self) -> None:
        """In a long answer: send what has been collected, wait for a slow reader, let others run."""
        if self._output_size >= CHUNK:
            self.flush()
            await self.channel.drain()
            await asyncio.sleep(0)

    @property
    def up_to_date(self) -> bool:
        """Whether the client has been told all that can have happened."""
        return self._view is None or not (self._stale or self._view.gone)

    async def update(self, *, expunge: bool, silent: Collection[int] = (), uid: bool = False) -> None:
        """Tell what changed in the selected mailbox; `silent` are UIDs whose flags the client set itself."""
        view = self._view
        if view is None:
            return
        if not self._stale and not (expunge and view.gone):
            return
        self._stale = False  # a ring from now on counts for the next time
        try:
            snapshot = await self.store.snapshot(self.account_id, view.mailbox.id)
        except MerpatiError:
            self._stale = True
            raise
        if snapshot.mailbox.uidvalidity != view.mailbox.uidvalidity:  # its UIDs are other messages now
            raise NotFound("the mailbox was restored from a backup")
        changes = view.advance(snapshot, expunge=expunge)
        if changes is not NO_CHANGES:
            self.send(render_changes(changes, view, condstore=self.condstore, uid=uid, silent=silent))

    def changed(self) -> None:
        """We changed the mailbox ourselves."""
        self._stale = True
