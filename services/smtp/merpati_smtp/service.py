"""The SMTP service: three ports, their policies, and the rooms of core behind them."""

from __future__ import annotations

import asyncio

from merpati.delivery import Delivery
from merpati.directory import AuthClient, Directory
from merpati.platform import service
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings, words
from merpati.platform.tls import server_context, watch_certificate
from merpati.store import MailFiles
from merpati.submission import Submission
from merpati_smtp.inbound import Inbound
from merpati_smtp.refusals import Refusals
from merpati_smtp.server.clients import Clients
from merpati_smtp.server.listener import Kind, Listener
from merpati_smtp.submission import MECHANISMS, UserSubmission

GRACE = 30.0
"""How long a stopping service waits for the messages in hand."""


class Service:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.context = server_context(settings)
        self.db = Database(settings, "smtp")
        self.bell = Bell(settings)
        self.auth = AuthClient(settings, self.bell)
        directory = Directory(self.db, settings, self.bell)
        files = MailFiles.of(settings)
        self.delivery = Delivery(self.db, files, self.bell, settings)
        submission = Submission(self.db, directory, self.delivery, settings)
        clients = Clients(settings)
        self.refusals = Refusals(self.db)
        shared = (directory, self.delivery, files, clients, self.refusals, settings)
        inbound = Inbound(*shared, submission=submission)
        users = UserSubmission(*shared, auth=self.auth, submission=submission)
        kinds = port_kinds(settings)
        self.listeners = [
            Listener(kind, users if kind.mechanisms else inbound, settings, self.context, clients)
            for kind in kinds
        ]

    async def run(self, stop: asyncio.Event) -> None:
        await self.db.open()
        for listener in self.listeners:
            await listener.open()
        service.ready()
        try:
            await service.until(
                stop,
                self.bell.run(),
                self.refusals.run(),
                watch_certificate(self.context, self.settings),
                *(listener.sweep() for listener in self.listeners),
            )
        finally:
            await self._close()

    async def _close(self) -> None:
        await asyncio.gather(*(listener.stop(GRACE) for listener in self.listeners))
        await self.delivery.drain()
        await self.refusals.flush()
        await self.auth.close()
        await self.bell.close()
        await self.db.close()


def port_kinds(settings: Settings) -> list[Kind]:
    """The three ports; SASL mechanisms as `auth_mechanisms` has them."""
    offered = {item.upper() for item in words(settings.auth_mechanisms)}
    mechanisms = tuple(item for item in MECHANISMS if item in offered)
    smtp = Kind(name="smtp", port=settings.smtp_port)
    if not mechanisms:  # then nobody could ever log in
        return [smtp]
    return [
        smtp,
        Kind(name="submission", port=settings.submission_port, requires_tls=True, mechanisms=mechanisms),
        Kind(name="submissions", port=settings.submissions_port, implicit_tls=True, mechanisms=mechanisms),
    ]


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    await Service(settings).run(stop)
