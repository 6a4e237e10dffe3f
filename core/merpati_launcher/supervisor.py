"""The processes of one Merpati: started, known to be ready, restarted when they die, stopped in order."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merpati_launcher import logs
from merpati_launcher.errors import Refused
from merpati_launcher.identity import Identity
from merpati_launcher.notify import NotifySocket
from merpati_launcher.output import say
from merpati_launcher.process import spawn
from merpati_launcher.record import Process, identify

_FIRST_DELAY, _LONGEST_DELAY = 0.1, 10.0
_LONG_LIFE = 30.0
"""A process that lived this long did not fail at its start: its next restart is quick again."""
_STARTS = 3
"""How often a process may die before it was ever ready."""


@dataclass(frozen=True)
class Program:
    """What to run and how to treat it."""

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str] | None = None
    identity: Identity | None = None
    doors: tuple[int, ...] = ()
    stop_signal: int = signal.SIGTERM
    ready: Callable[[int], bool] | None = None
    """Looked at until it is true; without it, the process says READY=1 itself (sd_notify)."""


@dataclass
class Child:
    """A program's process, and how it has fared so far."""

    program: Program
    log: Path
    notify: NotifySocket | None = None
    process: subprocess.Popen[bytes] | None = None
    identity: Process | None = None
    started: float = 0.0
    ready: bool = False
    failures: int = 0
    restart_at: float | None = None

    def start(self) -> None:
        program = self.program
        env = dict(os.environ if program.env is None else program.env)
        env.pop("NOTIFY_SOCKET", None)
        if self.notify is not None:
            self.notify.is_ready()  # what a former process said is no longer of interest
            env["NOTIFY_SOCKET"] = str(self.notify.path)
        self.ready, self.restart_at, self.started = False, None, time.monotonic()
        self.process = spawn(
            program.command,
            self.log,
            env=env,
            identity=program.identity,
            doors=program.doors,
            death_signal=program.stop_signal,
        )
        self.identity = identify(self.process.pid)

    def becomes_ready(self) -> bool:
        """Whether it has become ready since the last look."""
        if self.ready or self.process is None:
            return False
        if self.notify is not None:
            self.ready = self.notify.is_ready()
        elif self.program.ready is not None:
            self.ready = self.program.ready(self.process.pid)
        return self.ready

    def has_died(self) -> str | None:
        """How it ended, once; None while it runs."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        lived = time.monotonic() - self.started
        self.failures = 0 if self.ready and lived > _LONG_LIFE else self.failures + 1
        self.ready = False
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(self.failures - 1, 10)) if self.failures else 0.0
        self.restart_at = time.monotonic() + delay
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def last_words(self) -> str:
        """The last line of its log."""
        with contextlib.suppress(OSError):
            lines = self.log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "it said nothing"
        return "it has no log"


@dataclass
class Supervisor:
    """Runs children until told to stop."""

    logs: Path
    sockets: Path
    changed: Callable[[], None] = lambda: None
    """Called whenever a pid or a readiness has changed."""
    children: dict[str, Child] = field(default_factory=dict)
    stopping: bool = False

    def __post_init__(self) -> None:
        self._untold = False
        self._next_trim = 0.0
        self._wake, other = socket.socketpair()
        self._wake.setblocking(False)
        other.setblocking(False)
        self._waker = other
        signal.set_wakeup_fd(other.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes us, that is all
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def start(self, *programs: Program) -> None:
        """Start programs; they are restarted from now on."""
        for program in programs:
            child = Child(program, self.logs / f"{program.name}.log")
            if program.ready is None:
                child.notify = NotifySocket(self.sockets / f"{program.name}.notify")
            self.children[program.name] = child
            child.start()
        self._tell()

    def _tell(self) -> None:
        """Tell of a change; on a full disk again later, since nothing may stop for that."""
        try:
            self.changed()
            self._untold = False
        except OSError as error:
            if not self._untold:
                say(f"cannot write down what changed: {error}")
            self._untold = True

    def wait_ready(self, names: Iterable[str], seconds: float) -> None:
        """Run until the named children are ready; raises `Refused` where one never will be."""
        waiting = [self.children[name] for name in names]
        deadline = time.monotonic() + seconds
        while not all(child.ready for child in waiting):
            self.turn()
            if self.stopping:
                raise Refused("stopped while starting")
            for child in waiting:
                late = time.monotonic() > deadline and not child.ready
                if late or (child.failures >= _STARTS and not child.ready):
                    how = f"was not ready within {seconds:g} s" if late else "did not start"
                    raise Refused(f"{child.program.name} {how}: {child.last_words()} (see {child.log})")

    def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        while not self.stopping:
            self.turn()

    def turn(self) -> None:
        """One turn of the loop: sleep until something happens, then see to everybody."""
        sockets: list[socket.socket | NotifySocket] = [self._wake]
        sockets += [child.notify for child in self.children.values() if child.notify]
        with contextlib.suppress(InterruptedError):
            readable, _, _ = select.select(sockets, [], [], self._pause())
            if self._wake in readable:
                self._wake.recv(4096)
        changed = False
        for child in self.children.values():
            changed |= child.becomes_ready()
            how = child.has_died()
            if how is not None:
                say(f"{child.program.name} ended ({how}); it is started again")
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                child.start()
                changed = True
        if changed or self._untold:
            self._tell()
        self._trim_logs()

    def _trim_logs(self) -> None:
        if time.monotonic() >= self._next_trim:
            self._next_trim = time.monotonic() + 60
            logs.trim(self.logs)

    def _pause(self) -> float:
        now = time.monotonic()
        pauses = [1.0 if self._untold else 5.0]
        for child in self.children.values():
            if child.restart_at is not None:
                pauses.append(max(0.0, child.restart_at - now))
            elif not child.ready and child.notify is None:
                pauses.append(0.02)
        return min(pauses)

    def stop(self, names: Iterable[str], seconds: float) -> None:
        """Stop children together: ask, wait while they finish what they have in hand, then kill."""
        children = [self.children.pop(name) for name in names if name in self.children]
        processes = [(child, child.process) for child in children if child.process is not None]
        for child, process in processes:
            if process.poll() is None:
                process.send_signal(child.program.stop_signal)
        deadline = time.monotonic() + seconds
        for child, process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{child.program.name} did not stop in {seconds:g} s; it is killed")
                process.kill()
                process.wait()
        for child in children:
            if child.notify is not None:
                child.notify.close()
