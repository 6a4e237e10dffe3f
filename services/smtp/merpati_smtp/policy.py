"""What both policies share: where recipients lead, how a message is taken at DATA, and how it is handed on."""

from __future__ import annotations

from merpati.delivery import Delivery, Incoming, Outcome, Recipient, Undeliverable
from merpati.directory import Directory, Resolution
from merpati.platform.errors import DiskFull, Invalid, MerpatiError, Unavailable
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.store import MailFiles
from merpati_smtp import replies
from merpati_smtp.received import protocol, trace_of
from merpati_smtp.refusals import Refusals
from merpati_smtp.server.clients import Clients
from merpati_smtp.server.connection import Connection
from merpati_smtp.server.session import Envelope, Session

log = get_logger(__name__)


class Policy:
    """aiosmtpd's hooks, as far as inbound and submission agree.

    A hook that has awaited something may find that the client has gone; the connection's task is then
    cancelled, and the hook with it.
    """

    def __init__(
        self,
        directory: Directory,
        delivery: Delivery,
        files: MailFiles,
        clients: Clients,
        refusals: Refusals,
        settings: Settings,
    ) -> None:
        self.directory = directory
        self.delivery = delivery
        self.files = files
        self.clients = clients
        self.refusals = refusals
        self.settings = settings

    # MAIL

    async def handle_MAIL(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.clients.may_send(session.client):
            return replies.TOO_MUCH_MAIL
        try:
            self.files.check_disk()
        except DiskFull:
            return replies.DISK_FULL
        envelope.size = _declared_size(options)
        envelope.mail_options = options
        refusal = await self.check_sender(session, address)
        if refusal is not None:
            return refusal
        envelope.mail_from = address
        return replies.SENDER_OK

    async def check_sender(self, session: Session, address: str) -> str | None:
        """Why the sender is refused."""
        raise NotImplementedError

    # RCPT

    async def handle_RCPT(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.recipients) >= self.settings.smtp_recipient_limit:
            return replies.TOO_MANY_RECIPIENTS
        try:
            resolution = await self.directory.resolve(address)
        except Invalid:
            envelope.refused += 1
            return replies.RECIPIENT_SYNTAX
        refusal = await self.check_recipient(session, envelope, resolution)
        if refusal is not None:
            envelope.refused += 1
            self.refusals.recipient(session, envelope, address, refusal)
            return refusal
        if address not in envelope.rcpt_tos:
            envelope.rcpt_tos.append(address)
            envelope.recipients.append(Recipient(address, resolution))
        return replies.RECIPIENT_OK

    async def check_recipient(
        self, session: Session, envelope: Envelope, resolution: Resolution
    ) -> str | None:
        """Why the recipient is refused."""
        if resolution.local_domain and not resolution.known:
            return replies.RECEIVE_DISABLED if resolution.disabled else replies.USER_UNKNOWN
        if resolution.remotes or not resolution.locals:
            return None
        accounts = [target.account_id for target in resolution.locals]
        full = await self.delivery.full(accounts, envelope.size)
        return self.full_reply() if len(full) == len(accounts) else None

    def full_reply(self) -> str:
        permanent = self.settings.quota_full_permanent
        return replies.MAILBOX_FULL_FOR_GOOD if permanent else replies.MAILBOX_FULL

    # DATA

    async def handle_DATA_START(self, server: Connection, session: Session, envelope: Envelope) -> str | None:
        """Before 354: make the trace line, so that a large message can leave room for it in its file."""
        envelope.trace = trace_of(session, server.hostname, envelope.trace_id)
        return None

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        incoming = Incoming(
            trace_id=envelope.trace_id,
            sender=envelope.sender,
            recipients=envelope.recipients,
            content=envelope.message,
            trace=envelope.trace,
            account_id=None if session.verdict is None else session.verdict.account_id,
            detail=self._detail(session),
        )
        try:
            await self.hand_on(session, incoming)
        except MerpatiError as error:
            if isinstance(error, Unavailable):
                log.warning("message put off", trace_id=envelope.trace_id, error=str(error))
            full = isinstance(error, Undeliverable) and Outcome.OVER_QUOTA in error.outcomes.values()
            return await self.handle_REFUSED(
                server, session, envelope, self.full_reply() if full else replies.of_error(error)
            )
        return replies.accepted(envelope.trace_id)

    async def handle_REFUSED(
        self, server: Connection, session: Session, envelope: Envelope, reply: str
    ) -> str:
        """The message is refused, by us or by the server, which found it too big or malformed."""
        self.refusals.message(session, envelope, reply)
        return reply

    async def hand_on(self, session: Session, incoming: Incoming) -> None:
        """Give the message to core. It returns when the message is safe."""
        await self.delivery.deliver(incoming)

    def _detail(self, session: Session) -> dict[str, str]:
        detail = {"client": session.client, "helo": session.host_name or "", "protocol": protocol(session)}
        if session.tls is not None:
            detail["tls"] = session.tls.version() or ""
        if session.verdict is not None:
            detail["account"] = session.verdict.address
        return detail


def _declared_size(options: list[str]) -> int:
    """SIZE= of MAIL (RFC 1870); the server has checked that it is a number within the limit."""
    for option in options:
        if option.startswith("SIZE="):
            return int(option[5:])
    return 0
