"""What all connections of this process share."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import Store
from merpati_imap_pop.login import Logins


@dataclass(frozen=True, slots=True)
class Services:
    """Assembled once, in `__main__` and in tests."""

    settings: Settings
    context: ssl.SSLContext
    logins: Logins
    store: Store
    bell: Bell
