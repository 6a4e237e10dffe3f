"""Children are known to be ready, restarted when they die, given up where they never start, and die with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from merpati_launcher.errors import Refused
from merpati_launcher.logs import trim
from merpati_launcher.record import identify, is_alive
from merpati_launcher.supervisor import Program, Supervisor
from tests.embedded import wait_until

READY = """
import os, socket, time
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(b"READY=1\\nMAINPID=1", os.environ["NOTIFY_SOCKET"])
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path):
    handled = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in handled}
    with tempfile.TemporaryDirectory(prefix="merpati-", dir="/tmp") as sockets:
        supervisor = Supervisor(tmp_path / "log", Path(sockets))
        yield supervisor
        supervisor.stop(list(supervisor.children), 5)
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code])


def test_a_child_that_says_ready_is_ready(supervisor):
    supervisor.start(python("good", READY))
    supervisor.wait_ready(["good"], 20)
    assert supervisor.children["good"].ready


def test_a_killed_child_is_started_again_and_ready_again(supervisor):
    changes = []
    supervisor.start(python("good", READY))
    supervisor.wait_ready(["good"], 20)
    supervisor.changed = lambda: changes.append(supervisor.children["good"].ready)
    first = supervisor.children["good"].process.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.turn() or True in changes, 20, "ready again")
    assert supervisor.children["good"].process.pid != first
    assert changes[-1] is True


def test_a_child_that_never_starts_is_given_up_with_its_last_words(supervisor):
    supervisor.start(python("bad", "import sys; sys.exit('no such port')"))
    with pytest.raises(Refused, match=r"bad did not start: no such port"):
        supervisor.wait_ready(["bad"], 20)


def test_a_child_that_does_not_stop_is_killed(supervisor):
    supervisor.start(python("deaf", "import signal; signal.signal(15, signal.SIG_IGN)" + READY))
    supervisor.wait_ready(["deaf"], 20)
    process = supervisor.children["deaf"].process
    supervisor.stop(["deaf"], 0.2)
    assert process.returncode == -signal.SIGKILL


def test_children_die_with_their_parent(tmp_path):
    code = f"""
        import sys, time
        from pathlib import Path
        from merpati_launcher.process import spawn
        print(spawn([sys.executable, "-c", "import time; time.sleep(600)"], Path({str(tmp_path / "log")!r})).pid)
        sys.stdout.flush()
        time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    child = identify(int(parent.stdout.readline()))
    assert is_alive(child)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_alive(child), 10, "child gone")


def test_a_full_disk_stops_nobody(supervisor):
    def full() -> None:
        raise OSError(28, "No space left on device")

    supervisor.changed = full
    supervisor.start(python("good", READY))
    supervisor.wait_ready(["good"], 20)
    told = []
    supervisor.changed = lambda: told.append(True)
    wait_until(lambda: supervisor.turn() or told, 20, "told later")


def test_a_long_log_is_put_aside_and_goes_on(tmp_path):
    with (tmp_path / "smtp.log").open("ab", buffering=0) as log:
        log.write(b"x" * 100)
        trim(tmp_path, largest=99)
        log.write(b"after")
    assert (tmp_path / "smtp.log").read_bytes() == b"after"
    assert (tmp_path / "smtp.log.1").read_bytes() == b"x" * 100
