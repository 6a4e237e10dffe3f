"""Server-side TLS contexts whose certificate can be renewed under a running service."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)


def certificate_paths(settings: Settings) -> tuple[Path, Path]:
    """Certificate chain and key: the configured ones, else those `init` made."""
    if settings.tls_certificate:
        return Path(settings.tls_certificate), Path(settings.tls_key or settings.tls_certificate)
    return settings.data / "tls" / "cert.pem", settings.data / "tls" / "key.pem"


def server_context(settings: Settings) -> ssl.SSLContext:
    """A context for our listeners (TLS 1.2 and newer, RFC 8996)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*certificate_paths(settings))
    return context


async def watch_certificate(context: ssl.SSLContext, settings: Settings, interval: float = 10.0) -> None:
    """Load a renewed certificate into `context`; new handshakes use it, old connections go on. Runs for ever."""
    paths = certificate_paths(settings)
    seen = _stamps(paths)
    while True:
        await asyncio.sleep(interval)
        now = _stamps(paths)
        if now == seen or None in now:
            continue
        try:
            context.load_cert_chain(*paths)
        except (ssl.SSLError, OSError) as error:  # half written: the next look finds the whole
            log.warning("certificate not loaded", error=str(error))
            continue
        seen = now
        log.info("certificate reloaded")


def _stamps(paths: tuple[Path, ...]) -> tuple[tuple[int, int] | None, ...]:
    def stamp(path: Path) -> tuple[int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    return tuple(map(stamp, paths))
