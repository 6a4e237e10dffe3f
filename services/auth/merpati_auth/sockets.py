"""The internal listening socket, for our services alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from merpati.platform.http import bound


def internal_socket(endpoint: str) -> socket.socket:
    """The unix socket (for this user alone), or the TCP port, at which our services ask."""
    if not endpoint.startswith("unix:"):
        url = urlsplit(endpoint)
        family = socket.AF_INET6 if ":" in (url.hostname or "") else socket.AF_INET
        return bound(family, url.hostname or "127.0.0.1", url.port or 80)
    path = Path(endpoint.removeprefix("unix:"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of a process that was killed; a live one would hold our port too
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return listener
