"""A client of the REST API of one auth service, for the tests of the API."""

from __future__ import annotations

from typing import Any

import httpx

from merpati.platform.settings import Settings

PASSWORD = "correct horse battery staple"


def url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.api_port}"


def anonymous(settings: Settings) -> httpx.Client:
    """A client that is not logged in."""
    return httpx.Client(base_url=f"{url(settings)}/api/v1", timeout=30, trust_env=False)


def login(settings: Settings, address: str, password: str = PASSWORD, **more: Any) -> httpx.Client:
    """A client with a token of its own."""
    with anonymous(settings) as stranger:
        answer = stranger.post("/login", json={"username": address, "password": password, **more})
    answer.raise_for_status()
    client = anonymous(settings)
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return client


def postmaster(settings: Settings) -> httpx.Client:
    """The first administrator, whom the service made when it started."""
    return login(
        settings,
        settings.postmaster_address or f"postmaster@{settings.myhostname}",
        settings.secret("postmaster_password"),
    )


def make(client: httpx.Client, what: str, **values: Any) -> dict[str, Any]:
    """Make a domain, an account or an address."""
    answer = client.post(f"/{what}", json=values)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert client.get(answer.headers["Location"].removeprefix("/api/v1")).json() == made
    return made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= document.keys()
    assert document["status"] == status
    return document
