"""What mail clients are offered, and where: the ports as the world sees them, not as the services listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from merpati.platform.settings import Settings, words


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to reach a service."""

    service: str
    """As RFC 6186 and RFC 8314 name it: imaps, submission…"""
    protocol: Literal["imap", "pop3", "smtp"]
    tls: Literal["implicit", "starttls"]
    port: int
    """0: not offered."""


def offers(settings: Settings) -> list[Offer]:
    """Every service a client may ask for, what we would rather have it use first (RFC 8314 3.3)."""
    served = words(settings.protocols)
    imap, pop3 = "imap" in served, "pop3" in served
    return [
        Offer("imaps", "imap", "implicit", _port(settings, "imaps") if imap else 0),
        Offer("imap", "imap", "starttls", _port(settings, "imap") if imap else 0),
        Offer("pop3s", "pop3", "implicit", _port(settings, "pop3s") if pop3 else 0),
        Offer("pop3", "pop3", "starttls", _port(settings, "pop3") if pop3 else 0),
        Offer("submissions", "smtp", "implicit", _port(settings, "submissions")),
        Offer("submission", "smtp", "starttls", _port(settings, "submission")),
    ]


def _port(settings: Settings, service: str) -> int:
    published: int = getattr(settings, f"public_{service}_port")
    listening: int = getattr(settings, f"{service}_port")
    return published or listening
