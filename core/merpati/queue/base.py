"""What both sides of the queue, the worker's and the postmaster's, stand on."""

from __future__ import annotations

from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.queue.files import QueueFiles
from merpati.queue.report import IsLocal, Reports
from merpati.queue.retry import Clock, RetryPolicy, utc_now


class Base:
    """The queue's database, files, bell, settings and clock."""

    def __init__(
        self,
        db: Database,
        files: QueueFiles,
        bell: Bell | None,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        is_local: IsLocal | None = None,
    ) -> None:
        """`is_local` tells whether a domain's mail ends here; who bounces must give it."""
        self._db = db
        self._files = files
        self._bell = bell
        self._settings = settings
        self._clock = clock
        self._policy = RetryPolicy.of(settings)
        self._reports = Reports(files, settings, is_local)
