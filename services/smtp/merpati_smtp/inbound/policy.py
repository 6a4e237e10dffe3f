"""Who may send what to whom on port 25 (RFC 5321 7.1: never to everybody)."""

from __future__ import annotations

from merpati.delivery import Delivery, Incoming
from merpati.directory import Directory, Resolution
from merpati.platform.settings import Settings
from merpati.store import MailFiles
from merpati.submission import Submission
from merpati_smtp import replies
from merpati_smtp.policy import Policy
from merpati_smtp.refusals import Refusals
from merpati_smtp.server.address import NULL_PATH
from merpati_smtp.server.clients import Clients
from merpati_smtp.server.session import Envelope, Session


class Inbound(Policy):
    """Anybody may write to us; only `mynetworks` may write to others through us."""

    def __init__(
        self,
        directory: Directory,
        delivery: Delivery,
        files: MailFiles,
        clients: Clients,
        refusals: Refusals,
        settings: Settings,
        *,
        submission: Submission,
    ) -> None:
        super().__init__(directory, delivery, files, clients, refusals, settings)
        self._submission = submission

    async def check_sender(self, session: Session, address: str) -> str | None:
        if address != NULL_PATH and "@" not in address:
            return replies.SENDER_NOT_QUALIFIED
        return None

    async def check_recipient(
        self, session: Session, envelope: Envelope, resolution: Resolution
    ) -> str | None:
        if not resolution.local_domain and not resolution.known and not self.clients.is_ours(session.client):
            return replies.RELAY_DENIED
        return await super().check_recipient(session, envelope, resolution)

    async def hand_on(self, session: Session, incoming: Incoming) -> None:
        if self.clients.is_ours(session.client):
            await self._submission.relay(incoming)
        else:
            await super().hand_on(session, incoming)
