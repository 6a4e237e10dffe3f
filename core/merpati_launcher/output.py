"""What the launcher tells the person in front of it."""

from __future__ import annotations

import contextlib
import sys


def say(line: str) -> None:
    """A progress line, seen at once; a terminal that went away is no reason to stop."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def complain(line: str) -> None:
    """An error or a warning."""
    with contextlib.suppress(OSError):
        print(f"merpati: {line}", file=sys.stderr, flush=True)
