"""What all connections of this process share."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Final

from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import Store
from merpati_imap_pop.login import Logins

LARGE_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Services:
    """Assembled once, in `__main__` and in tests."""

    settings: Settings
    context: ssl.SSLContext
    logins: Logins
    store: Store
    bell: Bell
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))
    """Held while a large message is in memory to find its parts."""
