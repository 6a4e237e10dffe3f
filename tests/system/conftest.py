"""Whole installations for the stories."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from merpati.platform.settings import Settings
from tests.embedded import Cluster, Service
from tests.fakes.dns import FakeDNS
from tests.fakes.mx import FakeMX
from tests.system.merpati import Clone, Merpati


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A directory for the data of installations: short enough for sockets, and closed to others as /root is."""
    directory = Path(tempfile.mkdtemp(prefix="merpati-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """A fresh clone of this repository."""
    directory = Path(tempfile.mkdtemp(prefix="merpati-", dir="/tmp"))
    directory.chmod(0o755)
    yield Clone(directory / "merpati")
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def company(home: Path, request: pytest.FixtureRequest) -> Iterator[Merpati]:
    """`./merpati up --demo`: example.com with tito, iqbal and a postmaster, for one module's story."""
    with Merpati(home / request.module.__name__.rpartition(".")[2], "--demo") as merpati:
        yield merpati


@pytest.fixture(scope="module")
def auth(cluster: Cluster, settings: Settings) -> Iterator[Settings]:
    """The auth service alone, with its REST API; gives its settings."""
    service = Service("auth", settings, cluster.home).start()
    yield settings
    service.close()


@pytest.fixture(scope="module")
def dns() -> Iterator[FakeDNS]:
    """The Internet's names."""
    with FakeDNS() as dns:
        yield dns


@pytest.fixture(scope="module")
def elsewhere(dns: FakeDNS) -> Iterator[FakeMX]:
    """The mail server of example.net, found by its MX record."""
    with FakeMX() as mx:
        dns.mx("example.net", (10, "mx.example.net"))
        dns.address("mx.example.net", "127.0.0.1")
        yield mx


@pytest.fixture(scope="module")
def connected(
    home: Path, dns: FakeDNS, elsewhere: FakeMX, request: pytest.FixtureRequest
) -> Iterator[Merpati]:
    """The company with a way out: names by `dns`, other servers on the port of `elsewhere`."""
    name = request.module.__name__.rpartition(".")[2]
    settings = {"dns_server": dns.endpoint, "smtp_out_port": elsewhere.port}
    quick = {"queue_minimal_backoff": 1, "queue_maximal_backoff": 2, "sweep_interval": 1}
    with Merpati(home / name, "--demo", **settings, **quick) as merpati:
        yield merpati
