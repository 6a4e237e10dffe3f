"""The addresses that services listen on: `host` and `inet_protocols` read once, the same for every service."""

from __future__ import annotations

import socket

from merpati.platform.errors import Invalid
from merpati.platform.settings import Settings, words

_WORDS = {
    "*": ("0.0.0.0", "::"),  # noqa: S104 - that is what the word means
    "all": ("0.0.0.0", "::"),  # noqa: S104
    "loopback-only": ("127.0.0.1", "::1"),
}
"""Dovecot's and Postfix's words for several addresses."""

FAMILIES = {"all": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
"""The value of `inet_protocols` as the sockets' own."""


def listening(settings: Settings) -> list[str]:
    """Addresses and host names of `host`, without the IP version that `inet_protocols` or this machine lacks.

    Raises `Invalid` where none is left: a service without a listener would look well and serve nobody.
    """
    found: dict[str, None] = {}
    for word in words(settings.host):
        several = _WORDS.get(word)
        for address in several or (word.strip("[]"),):
            if _wanted(address, settings.inet_protocols) and not (several and not _possible(address)):
                found[address] = None
    if not found:
        raise Invalid(f"MERPATI_HOST={settings.host} has no address of {settings.inet_protocols}", "host")
    return list(found)


def _wanted(address: str, versions: str) -> bool:
    """Whether an address is of a wanted IP version; host names are looked up by the family later."""
    if ":" in address:
        return versions != "ipv4"
    return versions != "ipv6" or not address.replace(".", "").isdigit()


def _possible(address: str) -> bool:
    """Whether this machine has IPv6 at all: a word for several addresses promises only what there is."""
    if ":" not in address:
        return True
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
