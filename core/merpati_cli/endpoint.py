"""Where the REST API is and who we are there: the environment, else the data directory's ready.json."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx

from merpati_cli.problem import Problem


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach the API."""

    url: str
    auth: httpx.Auth
    ca: str | None
    local: bool


class Bearer(httpx.Auth):
    """A token of `POST /login`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def find() -> Endpoint:
    """The endpoint. Raises `Problem` where none is known."""
    url = os.environ.get("MERPATI_API_URL")
    return _remote(url) if url else _local(Path(os.environ.get("MERPATI_DATA") or "data"))


def context(endpoint: Endpoint) -> ssl.SSLContext:
    """Trust in the server's own CA, beside the machine's."""
    trust = ssl.create_default_context()
    if endpoint.ca:
        try:
            trust.load_verify_locations(endpoint.ca)
        except (OSError, ssl.SSLError) as error:
            raise Problem(f"the CA {endpoint.ca} cannot be read: {error}") from error
    return trust


def _remote(url: str) -> Endpoint:
    token = os.environ.get("MERPATI_API_TOKEN")
    if not token:
        raise Problem("MERPATI_API_URL needs MERPATI_API_TOKEN beside it (from POST /api/v1/login)")
    return Endpoint(url.rstrip("/"), Bearer(token), os.environ.get("MERPATI_API_CA"), local=False)


def _local(data: Path) -> Endpoint:
    path = data / "ready.json"
    try:
        ready = json.loads(path.read_text())
        who = ready["postmaster"]
        auth = httpx.BasicAuth(who["address"], who["password"])
        return Endpoint(ready["api"], _token() or auth, ready.get("ca"), local=True)
    except FileNotFoundError as error:
        raise Problem(
            f"no server is running on {data} (there is no ready.json): start it with `merpati up`, "
            "or name its directory with --data, or a server elsewhere with MERPATI_API_URL"
        ) from error
    except PermissionError as error:
        raise Problem(f"{path} is not readable for you: run this as the user who runs the server") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"{path} is not what `merpati up` writes: {error!r}") from error


def _token() -> Bearer | None:
    """A token goes before the first postmaster's password, which may have been changed since."""
    token = os.environ.get("MERPATI_API_TOKEN")
    return Bearer(token) if token else None
