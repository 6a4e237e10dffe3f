"""`./merpati up`, `down` and `status`: what is refused in one line, and what survives a restart."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import ssl

import httpx
import pytest

from merpati_launcher.record import Record, is_alive
from tests.embedded import wait_until
from tests.system.clients import submit, wait_for_mail, write
from tests.system.load import subjects
from tests.system.merpati import SERVICES, free_offset, run

TITO, IQBAL = "tito@example.com", "iqbal@example.com"


def refusal(*words: object, **settings: str) -> str:
    """The one line with which `up` refuses, exit code 2."""
    result = run(
        "up", *map(str, words), env={f"MERPATI_{name.upper()}": value for name, value in settings.items()}
    )
    assert result.returncode == 2, result.stdout + result.stderr
    complaints = [line for line in result.stderr.splitlines() if "running as root" not in line]
    assert len(complaints) == 1, result.stderr
    assert "Traceback" not in result.stdout
    return complaints[0]


def test_a_port_in_use_is_named(home):
    offset = free_offset()
    with socket.create_server(("127.0.0.1", 2143 + offset)):
        line = refusal("--data", home / "ports", "--port-offset", offset)
    assert f"port {2143 + offset} (IMAP)" in line
    assert "--port-offset" in line


def test_a_directory_that_cannot_be_written_is_named(home):
    (home / "file").write_text("")
    assert str(home / "file" / "data") in refusal("--data", home / "file" / "data")


def test_data_of_another_postgres_is_refused(home):
    data = home / "old"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text("15\n")
    assert "Postgres 15" in refusal("--data", data, "--port-offset", free_offset())


def test_a_missing_wheel_is_named(home):
    line = refusal("--data", home / "bare", "--port-offset", free_offset(), postgres_bin="/nonexistent")
    assert "no Postgres" in line


def test_root_does_not_serve_others_without_being_told_who_to_be(home):
    if os.geteuid() != 0:
        pytest.fail("run the tests as root to see what root is refused")
    assert "--user" in refusal("--data", home / "root", "--host", "0.0.0.0", "--port-offset", free_offset())


def test_a_python_without_ensurepip_is_told_what_to_install(clone, home):
    """Debian's Python without python3-venv; here Python is made to look like it."""
    (home / "crippled").mkdir()
    (home / "crippled" / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'ensurepip' else find(name, *rest)\n"
    )
    result = clone.merpati("up", PYTHONPATH=str(home / "crippled"))
    assert (result.returncode, result.stdout) == (2, "")
    assert "has no ensurepip" in result.stderr


def test_what_was_there_is_there_after_a_restart(company):
    submit(company, write(TITO, IQBAL, "Sebelum tidur"))
    wait_for_mail(company, IQBAL, "Sebelum tidur")
    before = company.ready
    company.down()
    assert not (company.data / "ready.json").exists()
    assert run("status", "--data", company.data).returncode == 1
    company.up()
    after = company.ready
    assert {**after, "pids": None} == {**before, "pids": None}
    assert "Sebelum tidur" in subjects(company, IQBAL)


def test_a_second_up_on_the_same_directory_is_refused(company):
    line = refusal("--data", company.data, "--port-offset", free_offset())
    assert "already running" in line


def test_ready_json_tells_the_pids_after_a_restart_of_a_service(company):
    former = company.kill("worker")
    company.wait_back("worker", former)
    assert set(company.ready["pids"]) == {*SERVICES, "postgres", "valkey"}
    assert is_alive(Record.read(company.data).children["worker"])


def test_children_die_with_the_launcher(company):
    record = Record.read(company.data)
    os.kill(record.launcher[0], signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, record.children.values())), 30, "the end of all children")
    assert run("status", "--data", company.data).returncode == 1
    company.up()
    assert "Sebelum tidur" in subjects(company, IQBAL)


def test_another_user_serves_other_machines_over_https(clone):
    """--host with --user: nothing runs as root, and the web speaks HTTPS."""
    data = clone.path.parent / "data"
    words = [
        "--data",
        str(data),
        "--host",
        "0.0.0.0",
        "--user",
        "nobody",
        "--port-offset",
        str(free_offset()),
    ]
    result = clone.merpati("up", "--detach", *words)
    assert result.returncode == 0, result.stdout + result.stderr
    try:
        ready = json.loads((data / "ready.json").read_text())
        uid = pwd.getpwnam("nobody").pw_uid
        assert {os.stat(f"/proc/{pid}").st_uid for pid in ready["pids"].values()} == {uid}
        trusted = ssl.create_default_context(cafile=ready["ca"])
        assert ready["web"].startswith("https://127.0.0.1:")
        for place in (ready["web"], ready["api"] + "/api/v1/domains"):
            assert httpx.get(place, verify=trusted).status_code < 500
    finally:
        assert clone.merpati("down", "--data", str(data)).returncode == 0
