"""With `web_tls` the pages speak HTTPS, and the session's cookie is bound to it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from merpati.platform.settings import Settings
from tests.embedded import Cluster, Service
from tests.office import token


@pytest.fixture
def secure(cluster: Cluster, settings: Settings) -> Iterator[Settings]:
    settings = settings.model_copy(update={"web_tls": True})
    with ExitStack() as stack:
        for name in ("auth", "webmail"):
            service = Service(name, settings, cluster.home)
            stack.callback(service.close)
            service.start()
        yield settings


def test_the_cookie_is_secure_and_for_this_host_alone(secure: Settings) -> None:
    trusted = ssl.create_default_context(cafile=str(secure.data / "tls" / "ca.pem"))
    with httpx.Client(base_url=f"https://localhost:{secure.web_port}", verify=trusted) as client:
        page = client.get("/login")
        assert page.headers["strict-transport-security"].startswith("max-age=")
        answer = client.post(
            "/login",
            data={
                "csrf": token(page),
                "address": f"postmaster@{secure.myhostname}",
                "password": secure.secret("postmaster_password"),
            },
        )
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-merpati=")
    assert "; Secure" in cookie and "; Path=/" in cookie and "Domain" not in cookie
