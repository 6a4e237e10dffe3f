"""Mails over one link: each fitted to what the server can take, one behind the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from merpati.platform.errors import Unavailable
from merpati.platform.telemetry import get_logger
from merpati.queue import Failure, QueueFiles
from merpati_smtp.outbound import failures
from merpati_smtp.outbound.content import Content
from merpati_smtp.outbound.convert import Unconvertible
from merpati_smtp.outbound.events import Done, Envelope, Event, SendContent, is_sendable
from merpati_smtp.outbound.link import Link
from merpati_smtp.outbound.mail import Mail
from merpati_smtp.outbound.replies import ProtocolError, Reply
from merpati_smtp.outbound.signer import Signer

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """A recipient's mail was taken."""

    reply: str
    remote: str
    tls: str | None


Result = Sent | Failure
Take = Callable[[], Mail | None]
Tell = Callable[[Mail, Sequence[Result | None]], None]


class Connection:
    """Sends what `take` gives, and `tell`s what became of each mail.

    None as a result: the connection was lost before the server said a word about the mail.
    """

    def __init__(self, link: Link, files: QueueFiles, signer: Signer, take: Take, tell: Tell) -> None:
        self.link = link
        self._files = files
        self._signer = signer
        self._take = take
        self._tell = tell
        self._mails: dict[Envelope, tuple[Mail, Content]] = {}
        self._todo: deque[Event] = deque()

    async def work(self) -> None:
        """Send until there is nothing to take, or the connection is lost."""
        client = self.link.client
        try:
            await self._fill()
            while client.busy:
                self._todo.extend(await self.link.events())
                while self._todo:
                    event = self._todo.popleft()
                    if isinstance(event, SendContent):
                        await self._send_content(self._mails[event.envelope][1])
                    elif isinstance(event, Done):
                        self._finish(event)
                await self._fill()
        except (OSError, TimeoutError, EOFError, ProtocolError) as error:
            log.info("connection lost", hop=self.link.hop.label, error=str(error) or type(error).__name__)
            for event in (*self._todo, *client.lost()):
                if isinstance(event, Done):
                    self._finish(event)
        except BaseException:
            self.link.abort()
            raise

    async def _fill(self) -> None:
        """Begin the next mail if one may begin."""
        while self.link.client.can_begin and (mail := self._take()) is not None:
            row = mail.rows[0]
            content = Content(self._files.path(row.file), row.prefix_len, self._files.scratch)
            failure = await self._prepare(mail, content)
            if failure is not None:
                content.close()
                self._tell(mail, [failure] * len(mail.rows))
                continue
            envelope = Envelope(row.sender, mail.recipients, content.size, content.eightbit, mail.smtputf8)
            self._mails[envelope] = mail, content
            self.link.client.begin(envelope)
        await self.link.flush()

    async def _prepare(self, mail: Mail, content: Content) -> Failure | None:
        """Fit the mail to what the server can take, or say why it can't be."""
        features, remote = self.link.client.features, self.link.hop.label
        if mail.smtputf8 and "SMTPUTF8" not in features:
            return failures.needs_smtputf8(remote)
        if not all(map(is_sendable, (mail.rows[0].sender, *mail.recipients))):
            return failures.bad_address()
        try:
            await content.prepare(eightbit_ok="8BITMIME" in features)
            await self._signer.sign(mail.rows[0], content)
        except OSError as error:
            log.error("spool not readable", trace_id=mail.rows[0].trace_id, error=str(error))
            return failures.unreadable()
        except Unconvertible:
            return failures.unconvertible(remote)
        except Unavailable as error:
            log.error("not signed, so not sent", trace_id=mail.rows[0].trace_id, error=str(error))
            return failures.unsigned(str(error))
        if 0 < features.size < content.size:
            return failures.too_large(remote, features.size)
        return None

    async def _send_content(self, content: Content) -> None:
        pieces = content.pieces()
        if content.small:
            self.link.queue(b"".join(pieces))
        else:
            while piece := await asyncio.to_thread(next, pieces, b""):
                await self.link.send(piece)
        self.link.client.content_sent()

    def _finish(self, event: Done) -> None:
        mail, content = self._mails.pop(event.envelope)
        content.close()
        if event.answered:
            self._tell(mail, [self._result(reply) for reply in event.replies])
        else:
            self._tell(mail, [None] * len(mail.rows))

    def _result(self, reply: Reply | None) -> Result:
        remote = self.link.hop.label
        if reply is None:
            return failures.lost(remote)
        if reply.positive:
            return Sent(reply.text, remote, self.link.tls)
        return failures.refused(reply, remote, "the message")
