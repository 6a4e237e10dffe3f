"""`Context`: what the routes of this process stand on, made once."""

from __future__ import annotations

from dataclasses import dataclass

from merpati.directory import Directory
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings, words
from merpati.queue import Queue, QueueFiles
from merpati_auth.changes import Changes
from merpati_auth.credentials import Credentials
from merpati_auth.keys import Keys
from merpati_auth.passwords.pool import HashPool
from merpati_auth.sasl.exchanges import Exchanges
from merpati_auth.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Context:
    """The service's parts."""

    settings: Settings
    db: Database
    bell: Bell
    directory: Directory
    keys: Keys
    pool: HashPool
    credentials: Credentials
    changes: Changes
    queue: Queue
    exchanges: Exchanges

    @classmethod
    def make(cls, settings: Settings) -> Context:
        """Build them; nothing connects yet."""
        db, bell, keys, pool = Database(settings, "auth"), Bell(settings), Keys(settings), HashPool()
        directory = Directory(db, settings, bell)
        throttle = Throttle(settings.auth_failures_per_account, settings.auth_failures_per_address)
        return cls(
            settings=settings,
            db=db,
            bell=bell,
            directory=directory,
            keys=keys,
            pool=pool,
            credentials=Credentials(db, directory, keys, throttle, pool),
            changes=Changes(db, bell),
            queue=Queue(db, QueueFiles(settings.mail_root), bell, settings),
            exchanges=Exchanges(words(settings.auth_mechanisms)),
        )

    async def close(self) -> None:
        self.pool.close()
        await self.bell.close()
        await self.db.close()
