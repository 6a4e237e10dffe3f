"""Story 5: services are killed under load, Postgres and Valkey stop and come back; nothing acknowledged is lost."""

from __future__ import annotations

import imaplib
import os
import signal
import smtplib

import httpx
import pytest

from merpati_launcher.record import Record, is_alive
from tests.embedded import wait_until
from tests.system.clients import DEADLINE
from tests.system.load import (
    Load,
    appended,
    assert_all_arrive,
    incoming,
    kept_down,
    posted,
    subjects,
    submitted,
)
from tests.system.merpati import SERVICES, Merpati

TITO, IQBAL, ANA = "tito@example.com", "iqbal@example.com", "ana@example.net"


@pytest.fixture(scope="module")
def busy(home, dns, elsewhere):
    """A company that may be asked a lot by one machine, with a way out."""
    limits = {
        "smtp_client_rate": 0,
        "smtp_error_limit": 1_000,
        "submission_rate": 0,
        "smtp_client_connection_limit": 500,
    }
    waits = {"queue_minimal_backoff": 1, "queue_maximal_backoff": 2, "queue_lease": 5, "sweep_interval": 1}
    way_out = {"dns_server": dns.endpoint, "smtp_out_port": elsewhere.port}
    with Merpati(home / "bad-day", "--demo", **limits, **waits, **way_out) as merpati:
        yield merpati


@pytest.fixture
def everybody(busy, request):
    """All kinds of clients at work; afterwards, all they were promised must be there."""
    name = request.node.name
    into = [Load(f"in-{name}", incoming(busy, IQBAL)), Load(f"sub-{name}", submitted(busy, TITO, IQBAL))]
    into.append(Load(f"web-{name}", posted(busy, TITO, IQBAL), clients=1))
    out = [Load(f"out-{name}", submitted(busy, TITO, ANA), clients=1)]
    saved = [Load(f"save-{name}", appended(busy, TITO, "Archive"), clients=1)]
    return into, out, saved


def _survive(busy, elsewhere, everybody, break_something):
    into, out, saved = everybody
    loads = [*into, *out, *saved]
    for load in loads:
        load.__enter__()
    try:
        for load in loads:
            load.wait_for(5)
        break_something()
        for load in loads:
            load.wait_for(5)
    finally:
        for load in loads:
            load.__exit__()
    assert_all_arrive(into, lambda: subjects(busy, IQBAL))
    assert_all_arrive(saved, lambda: subjects(busy, TITO, "Archive"))
    assert_all_arrive(out, lambda: {_subject(mail.content) for mail in elsewhere.received})


def _subject(content: bytes) -> str:
    line = next(line for line in content.splitlines() if line.startswith(b"Subject:"))
    return line.partition(b":")[2].strip().decode()


@pytest.mark.parametrize("name", [*SERVICES, "postgres", "valkey"])
def test_killed_under_load(busy, elsewhere, everybody, name):
    def kill_twice() -> None:
        for _ in range(2):
            busy.wait_back(name, busy.kill(name))

    _survive(busy, elsewhere, everybody, kill_twice)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_gone_for_a_while_under_load(busy, elsewhere, everybody, name):
    def gone_for_a_while() -> None:
        former = busy.pid(name)
        with kept_down(busy, name):
            waited = everybody[0][0].temporary
            if name == "postgres":
                wait_until(lambda: everybody[0][0].temporary > waited + 5, 60, "somebody put off")
            else:
                for load in everybody[0]:
                    load.wait_for(10)  # without Valkey mail is taken as usual
        busy.wait_back(name, former)

    _survive(busy, elsewhere, everybody, gone_for_a_while)


def test_everybody_says_that_it_is_temporary_while_postgres_is_gone(busy):
    former = busy.pid("postgres")
    with imaplib.IMAP4_SSL("localhost", busy.port("imaps"), ssl_context=busy.tls(), timeout=60) as client:
        client.login(TITO, busy.password(TITO))
        with kept_down(busy, "postgres"):
            assert _smtp_code(busy) in (451, 421)
            status, text = client.create("Proyek")
            assert (status, b"[UNAVAILABLE]" in text[0]) == ("NO", True)
            for place in (f"{busy.ready['api']}/api/v1/domains", f"{busy.ready['web']}/api/v1/domains"):
                headers = {"Authorization": "Bearer merpati_whoever"}
                assert httpx.get(place, headers=headers, timeout=60).status_code == 503
            assert httpx.get(f"{busy.ready['web']}/", cookies={"session": "x"}, timeout=60).status_code in (
                303,
                503,
            )
        busy.wait_back("postgres", former)
        wait_until(lambda: client.create("Proyek")[0] == "OK", DEADLINE, "IMAP as before")
    wait_until(lambda: _smtp_code(busy) == 250, DEADLINE, "SMTP as before")


def _smtp_code(busy: Merpati) -> int:
    """What a recipient is answered that no cache knows yet."""
    with smtplib.SMTP("127.0.0.1", busy.port("smtp"), timeout=60) as client:
        client.ehlo("mx.example.net")
        client.mail(ANA)
        code, _ = client.rcpt(f"{TITO.partition('@')[0]}+{id(client)}@example.com")
        return code if code >= 400 else client.data(b"Subject: kosong\r\n\r\n")[0]


def test_the_launcher_itself_is_killed_and_started_again(busy, elsewhere):
    load = Load("launcher", incoming(busy, IQBAL))
    with load:
        load.wait_for(5)
        record = Record.read(busy.data)
        os.kill(record.launcher[0], signal.SIGKILL)
        # Half a minute is how long a commit of unknown outcome is asked after before its client gets 451.
        wait_until(lambda: not any(map(is_alive, record.children.values())), 60, "the end of all children")
        busy.up()
        load.wait_for(5)
    assert_all_arrive([load], lambda: subjects(busy, IQBAL))
