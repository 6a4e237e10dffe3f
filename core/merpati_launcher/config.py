"""What one `./merpati up` was asked to run: its settings, data directory, addresses and ports."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from merpati_launcher.errors import Refused

PORTS = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
    "web": 8080,
    "api": 8081,
}
"""The listeners and their default ports, as in merpati.platform.settings (a test compares the two)."""

_HOSTS = ("MERPATI_HOST", "MERPATI_INET_INTERFACES", "MERPATI_LISTEN")
"""Ours, Postfix's and Dovecot's name of one setting."""
_PLACES = {"all": "*", "loopback-only": "127.0.0.1"}
"""Postfix's words for addresses."""
_MAIL = {"imap": ("imap", "imaps"), "pop3": ("pop3", "pop3s")}


@dataclass(frozen=True)
class Options:
    """The command line of `up`."""

    data: Path
    host: str | None = None
    port_offset: int = 0
    detach: bool = False
    demo: bool = False
    user: str | None = None


@dataclass(frozen=True)
class Config:
    """The options together with the settings: everything the launcher itself must know."""

    data: Path
    host: str
    ports: Mapping[str, int]
    demo: bool
    settings: Mapping[str, str]

    def setting(self, name: str) -> str:
        """A setting by its short name (`relayhost`); empty where it is not set."""
        return self.settings.get(f"MERPATI_{name.upper()}", "")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return all(_is_loopback(address) for address in _words(self.host))

    @property
    def address(self) -> str:
        """The address by which this machine itself reaches the services."""
        first = _words(self.host)[0]
        return {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}.get(first, first)  # noqa: S104

    @property
    def myhostname(self) -> str:
        return (self.setting("myhostname") or socket.getfqdn() or "localhost").lower()

    @property
    def web_tls(self) -> bool:
        """Web and REST speak HTTP only where nobody else can listen in."""
        chosen = self.setting("web_tls").lower()
        return chosen in ("1", "true", "yes", "on") if chosen else not self.loopback

    def environment(self) -> dict[str, str]:
        """The settings that the services get on top of the launcher's own environment."""
        chosen = {
            "DATA": str(self.data),
            "HOST": self.host,
            "MYHOSTNAME": self.myhostname,
            "WEB_TLS": str(self.web_tls).lower(),
        }
        chosen |= {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        if self.demo and not (self.setting("relayhost") or self.setting("dns_server")):
            chosen["OUTGOING"] = self.setting("outgoing") or "off"
        return {f"MERPATI_{name}": value for name, value in chosen.items()}


def resolve(options: Options) -> Config:
    """Options, then `MERPATI_*` in the environment, then `DIR/merpati.env`, then defaults."""
    settings = read_settings(options.data)
    given = [options.host, *(settings.get(name) for name in _HOSTS)]
    host = " ".join(_PLACES.get(word, word) for word in _words(next(filter(None, given), "")))
    protocols = _words(settings.get("MERPATI_PROTOCOLS") or "imap pop3")
    unserved = {port for name, ports in _MAIL.items() if name not in protocols for port in ports}
    ports = {
        name: _port(settings.get(f"MERPATI_{name.upper()}_PORT"), default) + options.port_offset
        for name, default in PORTS.items()
        if name not in unserved
    }
    demo = options.demo or (options.data / "demo.json").exists()
    return Config(options.data, host, ports, demo, settings)


def read_settings(data: Path) -> dict[str, str]:
    """`MERPATI_*` of the environment over those of `DIR/merpati.env`."""
    given = {name: value for name, value in os.environ.items() if name.startswith("MERPATI_")}
    try:
        text = (data / "merpati.env").read_text()
    except FileNotFoundError:
        return given
    except OSError as error:
        raise Refused(f"cannot read {data / 'merpati.env'}: {error.strerror}") from error
    return _parse(text) | given


def _parse(text: str) -> dict[str, str]:
    """The lines NAME=VALUE of an environment file; quotes around a value are taken off."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[name.strip().upper()] = value
    return found


def _port(value: str | None, default: int) -> int:
    if value is None or value == "":
        return default
    try:
        return int(value)
    except ValueError:
        raise Refused(f"a port must be a number, not {value!r}") from None


def _words(value: str) -> list[str]:
    return value.replace(",", " ").split() or ["127.0.0.1"]


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
