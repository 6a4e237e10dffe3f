"""The log files of the processes: appended to by them, kept from filling the disk by the launcher."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from merpati_launcher.output import say

LARGEST = 64 * 1024**2
"""Bytes of one log; what is older than the last two such pieces is dropped."""


def trim(directory: Path, largest: int = LARGEST) -> None:
    """Put what a log has beyond `largest` aside as `.1`.

    The processes keep their files open in append mode, so a file is copied and emptied, never renamed.
    Lines written between the two are lost; a log is no ledger.
    """
    for path in directory.glob("*.log"):
        try:
            if path.stat().st_size > largest:
                shutil.copyfile(path, path.with_suffix(".log.1"))
                os.truncate(path, 0)
        except OSError as error:
            say(f"cannot trim {path}: {error}")
