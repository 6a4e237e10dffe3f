"""Starting a child that dies with its parent and writes to a file, never to a pipe that can block."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from merpati_launcher.identity import Identity

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Door:
    """A directory as another user can name it, even below one that this user may not search (/root).

    The kernel follows /proc/self/fd/N to the open directory itself, without a look at its parents; so the
    data stays where the operator put it, and nobody's permissions are widened.
    """

    def __init__(self, directory: Path, identity: Identity | None) -> None:
        self.descriptors: tuple[int, ...] = ()
        self.path = directory
        if identity is not None and not identity.can_reach(directory):
            self.descriptors = (os.open(directory, os.O_PATH | os.O_DIRECTORY),)
            self.path = Path(f"/proc/self/fd/{self.descriptors[0]}")


def _die_with(parent: int, number: int) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None

    def prepare() -> None:
        # After the change of user, which clears it; and again look whether the parent is still there.
        _libc.prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    identity: Identity | None = None,
    doors: Sequence[int] = (),
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own (a Ctrl-C in the terminal is the launcher's business alone)."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=None if env is None else dict(env),
            start_new_session=True,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=[] if identity else None,
            pass_fds=doors,
            preexec_fn=_die_with(os.getpid(), death_signal),
        )


def run_as(
    command: Sequence[str | Path],
    identity: Identity | None,
    env: Mapping[str, str] | None = None,
    doors: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end and hand back what it printed."""
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env=None if env is None else dict(env),
        user=identity.uid if identity else None,
        group=identity.gid if identity else None,
        extra_groups=[] if identity else None,
        pass_fds=doors,
        check=False,
    )
