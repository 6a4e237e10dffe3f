"""The embedded Postgres: where a user may not go, data of another version, and what text means to it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from merpati_launcher.binaries import find_postgres, reachable
from merpati_launcher.errors import Refused
from merpati_launcher.identity import Identity, unprivileged
from merpati_launcher.places import RunDirectory
from merpati_launcher.postgres import STOP_SIGNAL, Postgres
from merpati_launcher.process import spawn
from tests.embedded import wait_until


@pytest.fixture
def private():
    """A directory that only its owner may search, as /root is."""
    with tempfile.TemporaryDirectory(prefix="merpati-", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def server(private):
    identity = unprivileged()
    programs = reachable(find_postgres() / "postgres", identity).parent
    server = Postgres(private / "postgres", private / "run", programs, identity, {"fsync": "off"})
    assert server.make("secret")
    return server


def test_it_runs_below_a_directory_that_its_user_may_not_search(server, private):
    process = spawn(
        server.command(),
        private / "log",
        identity=server.identity,
        doors=server.doors,
        death_signal=STOP_SIGNAL,
    )
    try:
        wait_until(lambda: server.ready(process.pid) or process.poll() is not None, 30, "postgres")
        with psycopg.connect(
            host=str(private / "run"), user="merpati", password="secret", dbname="postgres"
        ) as conn:
            answer = conn.execute("SELECT lower('ÀÉ'), 'Ünïcode' ~* 'ü'").fetchone()
        assert answer == ("àé", True)
    finally:
        process.send_signal(STOP_SIGNAL)
        assert process.wait(30) == 0


def test_a_stale_pid_file_is_not_ready(server):
    (server.data / "postmaster.pid").write_text("1\n\n\n\n\n\n\nready   \n")
    assert not server.ready(2)


def test_data_of_another_major_version_is_refused(server):
    (server.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(Refused, match="made by Postgres 15, and this is Postgres"):
        server.make("secret")


def test_who_can_reach_what(tmp_path):
    stranger = Identity("stranger", 54321, 54321)
    assert stranger.can_reach(Path("/usr/bin/env"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not stranger.can_reach(closed)


def test_a_long_path_gets_a_short_name_for_its_sockets(tmp_path):
    data = tmp_path / ("very long " * 12)
    data.mkdir()
    run = RunDirectory(data)
    (run.path / "postgres").mkdir()
    assert (data / "run" / "postgres").is_dir()
    assert run.environment()["MERPATI_DATABASE_HOST"] == str(run.path / "postgres")
    assert len(str(run.path)) < 60
    run.close()
    assert not run.path.exists()


def test_programs_print_their_version(server):
    text = subprocess.run(
        [server.programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    assert server.major() in text.stdout
