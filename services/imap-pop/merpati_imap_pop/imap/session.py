"""An IMAP session without its socket: framed commands in, replies out, one at a time."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Coroutine
from typing import Any, Final

from merpati.platform.errors import MerpatiError, NotFound
from merpati.platform.telemetry import get_logger
from merpati_imap_pop.imap.commands.context import Channel, Context, Outcome, Pending, State
from merpati_imap_pop.imap.intake import Intake
from merpati_imap_pop.imap.registry import COMMANDS, Command, capabilities
from merpati_imap_pop.imap.responses import Bad, No, Reply, from_error
from merpati_imap_pop.imap.wire.cursor import Cursor
from merpati_imap_pop.imap.wire.errors import WireError
from merpati_imap_pop.imap.wire.framer import LINE_LIMIT, Event, Frame, Framer, Octets, Refused, Spool
from merpati_imap_pop.services import Services

log = get_logger(__name__)

ERRORS_LIMIT: Final = 50
"""Commands in a row that were not IMAP; then it is no IMAP client."""
LITERAL_LIMIT: Final = 64 * 1024
"""Octets of literals in a command other than APPEND."""
LOGIN_LITERAL_LIMIT: Final = 4 * 1024
"""The same before login."""
LINE_LIMIT_OUTSIDE: Final = 8 * 1024

RETRY: Final = 2.0
"""Seconds until an idling session asks again what it could not read."""

Handling = Coroutine[Any, Any, None] | None


class Session:
    """Runs commands against a `Context`; `ended` is set when the connection has to be closed."""

    def __init__(self, channel: Channel, services: Services, buffer: bytearray) -> None:
        self.context = Context(channel, services)
        self.context.capabilities = lambda: capabilities(self.context)
        self.framer = Framer(
            buffer, self._literal_limit, line_limit=LINE_LIMIT_OUTSIDE, spools=self._is_append
        )
        self._spool = Intake(services.store.files)
        self.pending: Pending | None = None
        self.ended = False
        self._tag = b""
        self._command: Command | None = None
        self._errors = 0
        self._farewell = ""

    def greet(self) -> None:
        self._reply(b"*", Reply(b"OK", "Merpati ready", b"CAPABILITY %b" % capabilities(self.context)))

    # Input

    def take(self) -> Event | bytes | None:
        """The next command, or the line that a command in hand waits for."""
        return self.framer.next() if self.pending is None else self.framer.line()

    def _literal_limit(self, head: bytes) -> int:
        if self.context.state is State.NOT_AUTHENTICATED:
            return LOGIN_LITERAL_LIMIT
        if self._is_append(head):
            return self.context.services.settings.append_limit + 4 * 1024
        return LITERAL_LIMIT

    def _is_append(self, head: bytes) -> bool:
        words = head.split(b" ", 2)
        return len(words) > 1 and words[1].upper() == b"APPEND" and self.context.verdict is not None

    def handle(self, item: Event | bytes) -> Handling:
        """Carry out what `take` gave; returns what has to be waited for."""
        if isinstance(item, bytes):
            return self._go_on(item)
        if isinstance(item, Frame):
            return self._begin(item)
        if isinstance(item, Octets):
            self._spool.write(item.data)
        elif isinstance(item, Refused):
            self._refuse(item)
        else:
            if isinstance(item, Spool):
                self._spool.begin()
            if not isinstance(item, Spool) or item.waits:
                self.context.channel.write(b"+ OK\r\n")
        return None

    def _refuse(self, refused: Refused) -> None:
        tag = refused.head.split(b" ", 1)[0]
        self._tag = tag if tag and _is_tag(tag) else b"*"
        if refused.literal:
            self._finish(Reply(b"NO", "Literal is too large", b"TOOBIG"))
        else:
            self._finish(Reply(b"BAD", "Command line is too long", b"TOOBIG"))
        if refused.fatal:
            self.goodbye("Literal is too large")

    # Running

    def _begin(self, frame: Frame) -> Handling:
        self._tag, self._command = b"*", None
        try:
            cursor = Cursor(frame.data)
            self._tag = self.context.tag = _read_tag(cursor)
            cursor.space()
            command = self._command = self._look_up(cursor)
            arguments = command.parse(cursor)
            self.context.spooled = self._spool.take()
            outcome = command.run(self.context, arguments)
        except (WireError, MerpatiError, Bad, No) as error:
            self._fail(error)
            return None
        self._errors = 0
        if inspect.isawaitable(outcome) or not self._can_finish_now():
            return self._wait(outcome)
        self._settle(outcome)
        return None

    def _go_on(self, line: bytes) -> Handling:
        pending, self.pending = self.pending, None
        assert pending is not None
        try:
            outcome = pending.on_line(line)
        except (WireError, MerpatiError, Bad, No) as error:
            self._fail(error)
            return None
        return self._wait(outcome)

    def _look_up(self, cursor: Cursor) -> Command:
        name = cursor.word()
        if name == "UID" and cursor.accept(b" "):
            name = f"UID {cursor.word()}"
        command = COMMANDS.get(name)
        if command is None:
            raise WireError("Unknown command")
        if not command.states & self.context.state:
            raise Bad(_wrong_state(command, self.context.state))
        cursor.accept(b" ")
        return command

    def _can_finish_now(self) -> bool:
        return self.context.up_to_date and self.context.after_reply is None

    async def _wait(self, outcome: Outcome | Awaitable[Outcome]) -> None:
        try:
            result = await outcome if inspect.isawaitable(outcome) else outcome
            if isinstance(result, Reply):
                await self._tell_changes()
        except (WireError, MerpatiError, Bad, No) as error:
            self._fail(error)
            return
        self._settle(result)
        await self._after_reply()

    async def _tell_changes(self) -> None:
        """After a command the client hears what happened (RFC 9051 5.2).

        A failure here is not the command's: it was done, and the next one tries again.
        """
        if self._command is None:
            return
        uid = self._command.name.startswith("UID ")
        try:
            await self.context.update(expunge=self._command.expunge, uid=uid)
        except NotFound:
            self._farewell = "The selected mailbox is gone"
        except MerpatiError as error:
            log.warning("changes not told", error=str(error))

    async def _after_reply(self) -> None:
        work, self.context.after_reply = self.context.after_reply, None
        if work is not None:
            await work()

    def _settle(self, outcome: Outcome) -> None:
        if isinstance(outcome, Pending):
            self.pending = outcome
            self.context.flush()
        else:
            self._finish(outcome)

    def _fail(self, error: Exception) -> None:
        reply = from_error(error)
        if reply.condition == b"BAD":
            self._errors += 1
        self._finish(reply)
        if self._errors > ERRORS_LIMIT:
            self.goodbye("Too many errors")

    def _finish(self, reply: Reply) -> None:
        self.context.spooled = None
        self._spool.discard()
        self._reply(self._tag, reply)
        if self.context.state is State.LOGOUT:
            self.ended = True
        if self._farewell:
            self.goodbye(self._farewell)

    def _reply(self, tag: bytes, reply: Reply) -> None:
        self.context.send(reply.line(tag))
        self.context.flush()

    # What happens without the client

    def widen(self) -> None:
        """The client is somebody now: its lines may be as long as those of mail programs are."""
        self.framer.line_limit = LINE_LIMIT

    async def tell_idler(self) -> None:
        """Tell an idling client what happened; run when the bell rang."""
        context = self.context
        try:
            while context.idling and not context.up_to_date:
                await context.update(expunge=True)
        except NotFound:
            self.goodbye("The selected mailbox is gone")
        except MerpatiError as error:
            log.warning("idle update failed", error=str(error))
            asyncio.get_running_loop().call_later(RETRY, context.on_ring)
        context.flush()

    def goodbye(self, reason: str) -> None:
        """The last words: `* BYE`."""
        if not self.ended:
            self._reply(b"*", Reply(b"BYE", reason))
            self.ended = True

    async def release(self) -> None:
        """The connection is gone."""
        context = self.context
        context.idling = False
        self._spool.discard()
        await context.leave()
        if context.verdict is not None:
            context.services.logins.leave(context.channel, context.verdict)


_TAG: Final = re.compile(rb"[^(){ %*\"\\+\x00-\x1f\x7f-\xff]{1,200}")


def _read_tag(cursor: Cursor) -> bytes:
    match = _TAG.match(cursor.data)
    if match is None:
        raise WireError("Expected a tag")
    cursor.position = match.end()
    return match[0]


def _is_tag(text: bytes) -> bool:
    return _TAG.fullmatch(text) is not None


def _wrong_state(command: Command, state: State) -> str:
    if state is State.NOT_AUTHENTICATED:
        return "Log in first"
    return "Already logged in" if command.states is State.NOT_AUTHENTICATED else "Select a mailbox first"
