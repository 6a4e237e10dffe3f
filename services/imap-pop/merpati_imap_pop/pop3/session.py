"""A POP3 session without a socket: lines in, replies out through the channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from merpati.platform.errors import MerpatiError
from merpati_imap_pop.pop3 import replies
from merpati_imap_pop.pop3.commands.context import Context, Outcome, Pending, State
from merpati_imap_pop.pop3.registry import look_up
from merpati_imap_pop.pop3.replies import Refusal
from merpati_imap_pop.pop3.wire import Line, Overlong, WireError, parse_command

ERROR_LIMIT: Final = 25
"""Lines in a row that were no command; then this is no POP3 client."""

Handling = Coroutine[Any, Any, None] | None


class Session:
    """Runs the commands of one client, one after another."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._errors = 0
        self._on_line: Callable[[bytes], Outcome | Awaitable[Outcome]] | None = None

    def greet(self) -> None:
        """No APOP timestamp: APOP needs passwords in clear on the server (RFC 1939 7)."""
        self.context.channel.write(replies.ok("Merpati POP3 ready"))

    def goodbye(self, reason: str) -> None:
        self.context.channel.write(replies.error(reason, "SYS/TEMP"))

    def receive(self, line: Line) -> Handling:
        """Carry a line out; what is returned has to be awaited before the next one."""
        try:
            outcome = self._begin(line)
        except (Refusal, WireError, MerpatiError) as failure:
            return self._fail(failure)
        if isinstance(outcome, bytes | Pending):
            return self._answer(outcome)
        return self._wait(outcome)

    def _begin(self, line: Line) -> Outcome | Awaitable[Outcome]:
        on_line, self._on_line = self._on_line, None
        if isinstance(line, Overlong):
            raise WireError("Line too long")
        if on_line is not None:
            return on_line(line)
        row, arguments = look_up(self.context, parse_command(line))
        self._errors = 0
        return row.handler(self.context, arguments)

    async def _wait(self, outcome: Awaitable[Outcome]) -> None:
        try:
            handling = self._answer(await outcome)
        except (Refusal, WireError, MerpatiError) as failure:
            handling = self._fail(failure)
        if handling is not None:
            await handling

    def _fail(self, failure: Refusal | WireError | MerpatiError) -> Handling:
        if isinstance(failure, WireError):
            self._errors += 1
        if self._errors >= ERROR_LIMIT:
            self.context.state = State.OVER
            return self._answer(replies.error("Too many errors"))
        return self._answer(replies.from_error(failure))

    def _answer(self, outcome: Outcome) -> Handling:
        channel = self.context.channel
        if isinstance(outcome, Pending):
            channel.write(outcome.challenge)
            self._on_line = outcome.on_line
            return None
        channel.write(outcome)
        if self.context.state is State.OVER:
            channel.close()
        after, self.context.after_reply = self.context.after_reply, None
        return None if after is None else self._after(after)

    async def _after(self, after: Callable[[], Awaitable[object]]) -> None:
        await after()
