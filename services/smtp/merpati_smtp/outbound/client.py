"""SMTP as a client, without I/O: envelopes, one behind the other (RFC 5321 3.3, RFC 2920)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from merpati_smtp.outbound.events import Done, Envelope, Security, SendContent, Stage
from merpati_smtp.outbound.opening import Handler, Opening
from merpati_smtp.outbound.replies import Reply


@dataclass(slots=True)
class _Transaction:
    envelope: Envelope
    refusals: dict[int, Reply] = field(default_factory=dict)
    """By recipient's index."""
    refused: Reply | None = None
    """MAIL, DATA or the content was refused: true for all recipients that were not refused themselves."""
    accepted: int = 0
    answered: bool = False

    def replies(self, final: Reply | None) -> tuple[Reply | None, ...]:
        everyone = self.refused or final
        return tuple(self.refusals.get(n, everyone) for n in range(len(self.envelope.recipients)))


class Client(Opening):
    """One session. Feed it with `receive`; send what `take` gives; do what the events say."""

    def __init__(self, hostname: str, security: Security, login: tuple[str, str] | None = None) -> None:
        super().__init__(hostname, security, login)
        self._steps: deque[tuple[str, Handler]] = deque()  # of an envelope without PIPELINING
        self._open: deque[_Transaction] = deque()
        self._stale = False  # a transaction the server may hold open, to be ended by RSET

    @property
    def can_begin(self) -> bool:
        """Whether `begin` may be called: nothing is open, or a pipelining server is reading the last content."""
        if self._closed:
            return False
        if self.stage is Stage.READY:
            return True
        # RFC 2920 3.1: the content may be the first of a group, so the next envelope needs not wait for its reply.
        return self.stage is Stage.CONTENT and len(self._open) == 1 and "PIPELINING" in self.features

    @property
    def busy(self) -> bool:
        """Whether an envelope is open."""
        return bool(self._open)

    def begin(self, envelope: Envelope) -> None:
        """Open an envelope, whose addresses are all `is_sendable`."""
        assert self.can_begin
        transaction = _Transaction(envelope)
        self._open.append(transaction)
        if self._stale:
            self._stale = False
            self._command("RSET", lambda _reply: None)
        steps = [(self._mail_command(envelope), lambda reply: self._on_mail(transaction, reply))]
        for index, recipient in enumerate(envelope.recipients):
            steps.append((f"RCPT TO:<{recipient}>", self._rcpt_handler(transaction, index)))
        steps.append(("DATA", lambda reply: self._on_data(transaction, reply)))
        if len(self._open) == 1:
            self.stage = Stage.ENVELOPE
        if "PIPELINING" in self.features:
            for command, handler in steps:
                self._command(command, handler)
        else:
            self._steps.extend(steps)
            self._step()

    def content_sent(self) -> None:
        """The content and its final dot were sent."""
        if not self._closed:
            self.stage = Stage.CONTENT

    # Replies

    def _mail_command(self, envelope: Envelope) -> str:
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if "SIZE" in self.features:
            words.append(f"SIZE={envelope.size}")
        if envelope.eightbit and "8BITMIME" in self.features:
            words.append("BODY=8BITMIME")
        if envelope.smtputf8:
            words.append("SMTPUTF8")
        return " ".join(words)

    def _on_mail(self, transaction: _Transaction, reply: Reply) -> None:
        transaction.answered = True
        if not reply.positive:
            transaction.refused = reply
            if self._steps:
                self._finish(transaction, None)
                return
        self._step()

    def _rcpt_handler(self, transaction: _Transaction, index: int) -> Handler:
        def on_rcpt(reply: Reply) -> None:
            if transaction.refused is not None:
                pass  # an echo of the refused MAIL: "503 MAIL first" is no reason to bounce
            elif reply.positive:
                transaction.accepted += 1
            else:
                transaction.refusals[index] = reply
            if len(self._steps) == 1 and not transaction.accepted:  # without PIPELINING only DATA is left
                self._finish(transaction, None)
            else:
                self._step()

        return on_rcpt

    def _on_data(self, transaction: _Transaction, reply: Reply) -> None:
        wanted = transaction.accepted and transaction.refused is None
        if reply.code == 354 and wanted:
            self._expected.append(lambda final: self._on_content(transaction, final))
            self._events.append(SendContent(transaction.envelope))
        elif reply.code == 354:
            # RFC 2920 3.1: a server may ask for content without a recipient; it gets none.
            self._out += b".\r\n"
            self._expected.append(lambda _reply: self._finish(transaction, None))
        else:
            transaction.refused = transaction.refused or reply
            self._finish(transaction, None)

    def _on_content(self, transaction: _Transaction, reply: Reply) -> None:
        early = self.stage is not Stage.CONTENT
        self._finish(transaction, reply, stale=False)
        if early:
            # Some servers refuse before they have read everything; what is still sent they would take for commands.
            self._close()

    def _finish(self, transaction: _Transaction, final: Reply | None, *, stale: bool = True) -> None:
        self._open.remove(transaction)
        self._steps.clear()
        self._stale = stale
        self._events.append(Done(transaction.envelope, transaction.replies(final), transaction.answered))
        if self._open:
            self.stage = Stage.ENVELOPE  # the one behind it is on its way already
        else:
            self.stage = Stage.READY

    # Plumbing

    def _step(self) -> None:
        if self._steps:
            self._command(*self._steps.popleft())

    def _shut_down(self, reply: Reply | None) -> None:
        for transaction in self._open:
            self._events.append(Done(transaction.envelope, transaction.replies(reply), transaction.answered))
        self._open.clear()
        super()._shut_down(reply)
