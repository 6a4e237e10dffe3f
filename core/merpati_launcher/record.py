"""Which processes belong to a data directory: pids with their start times, so that a stale pid is recognised."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

Process = tuple[int, str]
"""A pid and when it started; a number used again by another process has another start."""


def identify(pid: int) -> Process | None:
    """The process that has `pid` now, or None where there is none (or only its corpse)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _ask_ps(pid) if not Path("/proc/self/stat").exists() else None
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else (pid, fields[18])


def _ask_ps(pid: int) -> Process | None:
    result = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return (pid, result.stdout.strip()) if result.stdout.strip() else None


def is_alive(process: Process) -> bool:
    return identify(process[0]) == process


def send(process: Process, number: int) -> None:
    """Signal `process` if it is still that process."""
    if is_alive(process):
        os.kill(process[0], number)


def end(processes: Iterable[Process], seconds: float, number: int = signal.SIGTERM) -> None:
    """End processes that are not our children: ask, wait, then kill."""
    left = [process for process in processes if is_alive(process)]
    for process in left:
        send(process, number)
    left = wait_gone(left, seconds)
    for process in left:
        send(process, signal.SIGKILL)
    wait_gone(left, 5)


def wait_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until all are gone; hands back those that are not."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [process for process in left if is_alive(process)]
    return left


@dataclass
class Record:
    """`DIR/run/launcher.json`: the launcher, its children, and the settings that were worked out for them."""

    launcher: Process
    children: Mapping[str, Process]
    environment: Mapping[str, str]

    @staticmethod
    def path(data: Path) -> Path:
        return data / "run" / "launcher.json"

    def write(self, data: Path) -> None:
        content = {"launcher": self.launcher, "children": self.children, "environment": self.environment}
        write_atomically(self.path(data), json.dumps(content))

    @classmethod
    def read(cls, data: Path) -> Record | None:
        try:
            content = json.loads(cls.path(data).read_text())
            children = {name: _process(item) for name, item in content["children"].items()}
            return cls(_process(content["launcher"]), children, content["environment"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def running(self) -> bool:
        return is_alive(self.launcher)


def _process(item: list[object]) -> Process:
    pid, start = item
    return int(str(pid)), str(start)


def write_atomically(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.rename(path)
