"""Merpati on `docker compose`: the stories again, and privileges, addresses, restarts, size of the containers.

One file, because one engine and one `docker compose up` serve it all: xdist gives a file to one process.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.composed import Composed
from tests.embedded import wait_until
from tests.system.clients import wait_for_mail
from tests.system.load import Load, assert_all_arrive, incoming, subjects
from tests.system.merpati import SERVICES
from tests.system.test_story_2_company import *  # noqa: F403
from tests.system.test_story_4_postmaster import *  # noqa: F403

TITO, IQBAL = "tito@example.com", "iqbal@example.com"
MEGABYTE = 1024 * 1024


def test_the_whole_stack_is_small_before_anybody_uses_it(company: Composed) -> None:
    sizes = company.sizes_at_start
    assert sum(sizes.values()) < 512 * MEGABYTE, {name: size // MEGABYTE for name, size in sizes.items()}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privilege(company: Composed, name: str) -> None:
    (container,) = json.loads(company.engine.run("docker", "inspect", *company.containers(name)))
    host = container["HostConfig"]
    assert container["Config"]["User"] == "5000:5000"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"] and not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    status = Path(f"/proc/{container['State']['Pid']}/status").read_text()
    assert "CapEff:\t0000000000000000" in status


def test_only_what_clients_need_is_published(company: Composed) -> None:
    for name in ("auth", "outbound", "webmail", "worker", "postgres", "redis"):
        (container,) = json.loads(company.engine.run("docker", "inspect", *company.containers(name)))
        assert not any((container["NetworkSettings"]["Ports"] or {}).values()), name


def test_the_image_is_small(company: Composed) -> None:
    size = int(company.engine.run("docker", "image", "inspect", "--format", "{{.Size}}", "merpati:local"))
    assert size < 250 * MEGABYTE


@pytest.mark.parametrize("name", ["smtp", "imap-pop", "postgres", "redis"])
def test_killed_under_load_and_back_by_itself(company: Composed, name: str) -> None:
    load = Load(f"containers-{name}", incoming(company, IQBAL))
    with load:
        load.wait_for(5)
        company.wait_back(name, company.kill(name))
        load.wait_for(5)
    assert_all_arrive([load], lambda: subjects(company, IQBAL))


@pytest.fixture
def neighbour(company: Composed) -> Iterator[str]:
    """Another host: a network namespace with one IPv4 and one IPv6 address, routed to the published ports."""
    name = "merpati-host"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", name)
    try:
        ip("link", "add", "mp0", "type", "veth", "peer", "name", "mp1", "netns", name)
        ip("addr", "add", "198.51.100.1/24", "dev", "mp0")
        ip("addr", "add", "2001:db8::1/64", "dev", "mp0", "nodad")
        ip("link", "set", "mp0", "up")
        ip("-n", name, "addr", "add", "198.51.100.7/24", "dev", "mp1")
        ip("-n", name, "addr", "add", "2001:db8::7/64", "dev", "mp1", "nodad")
        ip("-n", name, "link", "set", "mp1", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
        subprocess.run(["ip", "link", "del", "mp0"], check=False, capture_output=True)


@pytest.mark.parametrize(
    ("server", "client"),
    [("198.51.100.1", "198.51.100.7"), ("2001:db8::1", "2001:db8::7")],
    ids=["IPv4", "IPv6"],
)
def test_another_host_is_seen_by_its_true_address_and_cannot_relay(
    company: Composed, neighbour: str, server: str, client: str
) -> None:
    def swaks(recipient: str) -> subprocess.CompletedProcess[str]:
        place = f"[{server}]:{company.port('smtp')}" if ":" in server else f"{server}:{company.port('smtp')}"
        words = ["swaks", "--server", place, "--from", "ana@example.net", "--to", recipient]
        return subprocess.run(
            ["ip", "netns", "exec", neighbour, *words, "--header", f"Subject: dari {client}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    relayed = swaks("someone@example.org")
    assert "554 5.7.1" in relayed.stdout
    delivered = swaks(TITO)
    assert delivered.returncode == 0, delivered.stdout
    assert client in str(wait_for_mail(company, TITO, f"dari {client}")["Received"])


def test_the_engine_is_killed_and_everything_comes_back(company: Composed) -> None:
    load = Load("engine", incoming(company, IQBAL))
    with load:
        load.wait_for(5)
        company.engine.kill()
        company.engine.start()
        wait_until(lambda: all(company.is_healthy(name) for name in SERVICES), 180, "all services healthy")
        load.wait_for(5)
    assert_all_arrive([load], lambda: subjects(company, IQBAL))
