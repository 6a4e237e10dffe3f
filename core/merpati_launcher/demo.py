"""`--demo`: the domain example.com with two people in it, made through the REST API like anybody's."""

from __future__ import annotations

import json
import secrets
import ssl
import string
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from merpati_launcher import ready
from merpati_launcher.config import Config
from merpati_launcher.errors import Refused
from merpati_launcher.output import say
from merpati_launcher.record import write_atomically

DOMAIN = "example.com"
POSTMASTER = f"postmaster@{DOMAIN}"
_PEOPLE = {f"tito@{DOMAIN}": "Tito", f"iqbal@{DOMAIN}": "Iqbal"}


def prepare(config: Config, postmaster: ready.Login) -> list[ready.Login]:
    """Make the demo's accounts, once; hands them back with passwords that are the same at every start."""
    path = config.data / "demo.json"
    if path.exists():
        accounts: list[ready.Login] = json.loads(path.read_text())
        return accounts
    say("Making the demo's accounts")
    accounts = _passwords(config.data / "secrets" / "demo.json")
    api = Api(config, postmaster)
    api.make("domains", {"name": DOMAIN})
    for login in accounts:
        api.make("accounts", login | {"display_name": _PEOPLE[login["address"]]})
    write_atomically(path, json.dumps(accounts))
    return accounts


def _passwords(path: Path) -> list[ready.Login]:
    """Passwords are kept before they are used, so that a start that is broken off can be repeated."""
    if not path.exists():
        logins = [{"address": address, "password": _password()} for address in _PEOPLE]
        write_atomically(path, json.dumps(logins))
    accounts: list[ready.Login] = json.loads(path.read_text())
    return accounts


def _password() -> str:
    """One that no command line takes for an option."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))


class Api:
    """The REST API with a postmaster's token."""

    def __init__(self, config: Config, postmaster: ready.Login) -> None:
        self._base = f"{ready.url(config, 'api')}/api/v1"
        self._tls = ssl.create_default_context(cafile=ready.authority(config)) if config.web_tls else None
        self._headers = {"Content-Type": "application/json"}
        login = {"username": postmaster["address"], "password": postmaster["password"]}
        token = self._post("login", login)["token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def make(self, what: str, values: dict[str, str]) -> None:
        """Make something, or find that it is there."""
        try:
            self._post(what, values)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise Refused(
                    f"the demo's {what}: {error.code} {error.read().decode(errors='replace')}"
                ) from error

    def _post(self, path: str, values: dict[str, str]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._base}/{path}", json.dumps(values).encode(), self._headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30, context=self._tls) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
            return answer
