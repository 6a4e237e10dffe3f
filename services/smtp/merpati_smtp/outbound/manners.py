"""How connections are made: TLS and login, from the settings; different for a relayhost with a password."""

from __future__ import annotations

import ssl

from merpati.platform.settings import Settings
from merpati_smtp.outbound.events import Security
from merpati_smtp.outbound.link import Manner
from merpati_smtp.outbound.routes import Relay

_SUBMISSIONS = 465


def manner(settings: Settings, relay: Relay | None) -> Manner:
    """The manner of connections to `relay`, or to everyone's MX."""
    login = None
    if relay is not None and settings.relayhost_username:
        login = settings.relayhost_username, settings.relayhost_password
    security = Security.MAY if settings.smtp_out_tls == "opportunistic" else Security.NEVER
    if login is not None:
        security = Security.NEVER if settings.relayhost_tls == "none" else Security.MUST
    if relay is not None and relay.port == _SUBMISSIONS and security is not Security.NEVER:
        security = Security.DONE
    return Manner(
        hostname=settings.myhostname,
        security=security,
        context=_context(settings, verify=login is not None and settings.relayhost_tls == "verify"),
        login=login,
        connect_timeout=settings.smtp_out_connect_timeout,
        timeout=settings.smtp_out_timeout,
    )


def _context(settings: Settings, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        # Opportunistic TLS keeps listeners out, not impostors; the alternative would be no TLS (RFC 7435).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
