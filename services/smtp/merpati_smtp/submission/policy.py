"""Who may submit: logging in, and what a user may send (RFC 6409)."""

from __future__ import annotations

from collections.abc import Awaitable

from aiosmtpd.smtp import AuthResult

from merpati.delivery import Delivery, Incoming
from merpati.directory import AuthClient, Directory, Verdict
from merpati.platform.errors import BadCredentials, Invalid, MerpatiError
from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger
from merpati.store import MailFiles
from merpati.submission import Submission
from merpati_smtp import replies
from merpati_smtp.policy import Policy
from merpati_smtp.refusals import Refusals
from merpati_smtp.server.address import NULL_PATH
from merpati_smtp.server.clients import Clients
from merpati_smtp.server.connection import Connection
from merpati_smtp.server.session import Envelope, Session
from merpati_smtp.submission import sasl
from merpati_smtp.submission.sasl import Credentials

log = get_logger(__name__)

MECHANISMS = ("PLAIN", "LOGIN")


class UserSubmission(Policy):
    """aiosmtpd's hooks for our users; its `auth_X` hooks may await, its `authenticator` could not."""

    def __init__(
        self,
        directory: Directory,
        delivery: Delivery,
        files: MailFiles,
        clients: Clients,
        refusals: Refusals,
        settings: Settings,
        *,
        auth: AuthClient,
        submission: Submission,
    ) -> None:
        super().__init__(directory, delivery, files, clients, refusals, settings)
        self._auth = auth
        self._submission = submission

    # AUTH

    async def auth_PLAIN(self, server: Connection, args: list[str]) -> AuthResult:
        return await self._log_in(server, self._plain(server, args[1:]))

    async def auth_LOGIN(self, server: Connection, args: list[str]) -> AuthResult:
        return await self._log_in(server, self._login(server, args[1:]))

    async def _plain(self, server: Connection, initial: list[str]) -> Credentials:
        return sasl.plain(await self._response(server, initial, ""))

    async def _login(self, server: Connection, initial: list[str]) -> Credentials:
        name = await self._response(server, initial, sasl.ASK_USERNAME)
        password = await self._response(server, [], sasl.ASK_PASSWORD)
        return Credentials(sasl.text(name), sasl.text(password))

    async def _response(self, server: Connection, initial: list[str], prompt: str) -> bytes:
        given = initial[0].encode() if initial else await server.ask(prompt)
        if given is None:
            raise ConnectionResetError("connection ended within AUTH")
        return sasl.decode(given)

    async def _log_in(self, server: Connection, credentials: Awaitable[Credentials]) -> AuthResult:
        session = server.session
        try:
            given = await credentials
            session.verdict = await self._auth.verify(
                given.username, given.password, service="smtp", client=session.client
            )
        except sasl.Aborted:
            return _refused(replies.AUTH_ABORTED)
        except sasl.NotBase64:
            return _refused(replies.AUTH_NOT_BASE64)
        except Invalid:
            return _refused(replies.AUTH_BAD_RESPONSE)
        except BadCredentials:
            return _refused(replies.AUTH_FAILED)
        except MerpatiError as error:
            log.warning("login put off", client=session.client, error=str(error))
            return _refused(replies.AUTH_LATER)
        return AuthResult(success=True, message=replies.AUTH_OK)

    # MAIL and DATA

    async def handle_MAIL(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return await self._ended(server, session) or await super().handle_MAIL(
            server, session, envelope, address, options
        )

    async def handle_RCPT(
        self, server: Connection, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return await self._ended(server, session) or await super().handle_RCPT(
            server, session, envelope, address, options
        )

    async def handle_DATA_START(self, server: Connection, session: Session, envelope: Envelope) -> str | None:
        return await self._ended(server, session) or await super().handle_DATA_START(
            server, session, envelope
        )

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        # Again: the message may have taken half an hour to come.
        ended = await self._ended(server, session)
        if ended is not None:
            return await self.handle_REFUSED(server, session, envelope, ended)
        return await super().handle_DATA(server, session, envelope)

    async def _ended(self, server: Connection, session: Session) -> str | None:
        """The reply that ends a session whose account was disabled, deleted or given another password."""
        if await self._still_valid(session.verdict):
            return None
        server.stream.draining = True
        return replies.LOG_IN_AGAIN

    async def _still_valid(self, verdict: Verdict | None) -> bool:
        """Whether the account still is as it was when the client logged in: a switch ends its sessions."""
        if verdict is None:
            return False
        account = await self.directory.account(verdict.account_id)
        return account is not None and account.login_enabled and account.auth_version == verdict.auth_version

    async def check_sender(self, session: Session, address: str) -> str | None:
        assert session.verdict is not None
        sender = "" if address == NULL_PATH else address
        owned = await self._submission.may_send_as(session.verdict.account_id, sender)
        return None if owned else replies.SENDER_NOT_OWNED

    async def hand_on(self, session: Session, incoming: Incoming) -> None:
        await self._submission.submit(incoming)


def _refused(reply: str) -> AuthResult:
    return AuthResult(success=False, handled=False, message=reply)
