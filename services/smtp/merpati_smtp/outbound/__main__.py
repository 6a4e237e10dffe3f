"""`python -m merpati_smtp.outbound`: the queue's worker as a service."""

from __future__ import annotations

import asyncio

from merpati.delivery import Delivery
from merpati.directory import Directory, SigningKeys
from merpati.platform import service
from merpati.platform.db import Database
from merpati.platform.events import QUEUE, RETRY, Bell
from merpati.platform.settings import Settings
from merpati.queue import Queue, QueueFiles
from merpati.store import MailFiles
from merpati_smtp.outbound.dispatcher import Dispatcher
from merpati_smtp.outbound.local import LocalDelivery
from merpati_smtp.outbound.resolver import Resolver
from merpati_smtp.outbound.routes import Router
from merpati_smtp.outbound.signer import Signer


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Work the queue until `stop`."""
    bell = Bell(settings)
    db = Database(settings, "outbound")
    await db.open()
    directory = Directory(db, settings, bell)
    files = QueueFiles(settings.mail_root)
    delivery = Delivery(db, MailFiles.of(settings), bell, settings)
    dispatcher = Dispatcher(
        Queue(db, files, bell, settings, is_local=directory.is_local_domain),
        files,
        Router(settings, Resolver(settings)),
        Signer(SigningKeys(db, bell)),
        LocalDelivery(db, files, directory, delivery, settings),
        settings,
    )
    bell.watch(QUEUE, dispatcher.wake)
    bell.watch(RETRY, dispatcher.revive)
    upkeep = asyncio.ensure_future(dispatcher.upkeep())
    service.ready()
    try:
        await service.until(stop, bell.run(), dispatcher.claims(), asyncio.shield(upkeep))
        await dispatcher.stop()
        await delivery.drain()
    finally:
        await service.end(upkeep)
        await bell.close()
        await db.close()


if __name__ == "__main__":
    service.run("outbound", main)
