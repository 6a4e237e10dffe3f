"""`python -m merpati_worker`: the repeated and the later work of the store."""

from __future__ import annotations

import asyncio

from merpati.platform import service
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store.blobs import MailFiles
from merpati.store.context import Context
from merpati_worker.jobs import JOBS
from merpati_worker.runner import Runner


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Run the jobs until `stop`."""
    files = MailFiles.of(settings)
    await asyncio.to_thread(files.check_volume)
    database, bell = Database(settings, "worker", max_size=4), Bell(settings)
    await database.open()
    runner = Runner(Context(database, files, bell, settings), JOBS)
    try:
        service.ready()
        await service.until(stop, bell.run(), runner.run())
    finally:
        await bell.close()
        await database.close()


if __name__ == "__main__":
    service.run("worker", main)
