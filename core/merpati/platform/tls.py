"""Server-side TLS contexts whose certificate can be renewed under a running service."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from merpati.platform.settings import Settings
from merpati.platform.telemetry import get_logger

log = get_logger(__name__)


def certificate_paths(settings: Settings) -> tuple[Path, Path]:
    """Certificate chain and key: the configured ones, else the ACME client's newest, else those `init` made."""
    if settings.tls_certificate:
        return Path(settings.tls_certificate), Path(settings.tls_key or settings.tls_certificate)
    if settings.tls_storage:
        # Caddy: certificates/<issuer>/<name>/<name>.crt and .key. Its issuer `local` is a CA of its own that
        # nobody trusts: ours does as well.
        name = settings.myhostname
        found = Path(settings.tls_storage).glob(f"certificates/*/{name}/{name}.crt")
        pairs = [
            (path, path.with_suffix(".key"))
            for path in found
            if path.parents[1].name != "local" and path.with_suffix(".key").exists()
        ]
        if pairs:
            return max(pairs, key=lambda pair: pair[0].stat().st_mtime_ns)
    return settings.data / "tls" / "cert.pem", settings.data / "tls" / "key.pem"


def server_context(settings: Settings) -> ssl.SSLContext:
    """A context for our listeners (TLS 1.2 and newer, RFC 8996)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*certificate_paths(settings))
    return context


async def watch_certificate(context: ssl.SSLContext, settings: Settings, interval: float = 10.0) -> None:
    """Load a renewed certificate into `context`; new handshakes use it, old connections go on. Runs for ever."""
    seen = _stamps(certificate_paths(settings))
    while True:
        await asyncio.sleep(interval)
        paths = certificate_paths(settings)
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


def _stamps(paths: tuple[Path, ...]) -> tuple[tuple[str, int, int] | None, ...]:
    def stamp(path: Path) -> tuple[str, int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return str(path), status.st_mtime_ns, status.st_ino

    return tuple(map(stamp, paths))
