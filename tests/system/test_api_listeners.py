"""How the auth service listens: HTTPS with our own CA, several addresses, and its internal side over TCP."""

from __future__ import annotations

import os
import ssl
import stat

import httpx
import pytest

from merpati.directory import AuthClient
from merpati.platform.errors import BadCredentials
from merpati.platform.http import listeners
from tests.embedded import Service, free_port


@pytest.fixture
def listening(cluster, fresh_settings):
    """An auth service that speaks HTTPS on both loopback addresses, and to our services by TCP."""
    changes = {"web_tls": True, "host": "127.0.0.1 ::1", "auth_url": f"http://127.0.0.1:{free_port()}"}
    settings = fresh_settings.model_copy(update=changes)
    service = Service("auth", settings, cluster.home).start()
    yield settings
    service.close()


def test_https_on_every_address(listening):
    trust = ssl.create_default_context(cafile=listening.data / "tls" / "ca.pem")
    for host in ("127.0.0.1", "[::1]", "localhost"):
        answer = httpx.get(
            f"https://{host}:{listening.api_port}/api/v1/health", verify=trust, trust_env=False
        )
        assert answer.json() == {"status": "up"}
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{listening.api_port}/api/v1/health", trust_env=False)


async def test_our_services_over_tcp(listening):
    client = AuthClient(listening)
    name, password = f"postmaster@{listening.myhostname}", listening.secret("postmaster_password")
    verdict = await client.verify(name, password, service="api", client="192.0.2.1")
    assert verdict.role == "postmaster"
    with pytest.raises(BadCredentials):
        await client.verify(name, "wrong", service="api", client="192.0.2.1")
    await client.close()


def test_the_socket_is_for_this_user_alone(auth):
    status = os.stat(auth.auth_endpoint.removeprefix("unix:"))
    assert stat.S_ISSOCK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600


@pytest.mark.parametrize(
    ("host", "protocols", "listens"),
    [
        ("127.0.0.1 ::1", "all", {"127.0.0.1", "::1"}),
        ("127.0.0.1, [::1]", "ipv4", {"127.0.0.1"}),
        ("127.0.0.1 ::1", "ipv6", {"::1"}),
        ("*", "ipv4", {"0.0.0.0"}),
        ("*", "all", {"0.0.0.0", "::"}),
    ],
)
def test_the_addresses_of_the_settings(settings, host, protocols, listens):
    changes = {"host": host, "inet_protocols": protocols, "api_port": free_port()}
    settings = settings.model_copy(update=changes)
    found = listeners(settings, settings.api_port)
    try:
        assert {listener.getsockname()[0] for listener in found} == listens
    finally:
        for listener in found:
            listener.close()
