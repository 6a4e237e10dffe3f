"""Processes are known by pid and start time: a pid that another process got is not ours."""

from __future__ import annotations

import os
import subprocess

from merpati_launcher.record import Record, end, identify, is_alive


def test_a_living_process_is_recognised(tmp_path):
    me = identify(os.getpid())
    Record(me, {"smtp": me}, {"MERPATI_DATA": "x"}).write(_with_run(tmp_path))
    record = Record.read(tmp_path)
    assert record.running
    assert is_alive(record.children["smtp"])
    assert record.environment == {"MERPATI_DATA": "x"}


def test_a_pid_in_other_hands_is_stale(tmp_path):
    Record((os.getpid(), "12345"), {}, {}).write(_with_run(tmp_path))
    assert not Record.read(tmp_path).running


def test_a_broken_record_is_none(tmp_path):
    (_with_run(tmp_path) / "run" / "launcher.json").write_text('{"launcher": [1')
    assert Record.read(tmp_path) is None


def test_end_kills_what_does_not_listen():
    deaf = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"], stdout=subprocess.PIPE
    )
    deaf.stdout.readline()
    process = identify(deaf.pid)
    end([process], 0.1)
    assert deaf.wait(5) == -9
    assert not is_alive(process)


def _with_run(data):
    (data / "run").mkdir()
    return data
