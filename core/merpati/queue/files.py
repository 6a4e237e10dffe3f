"""The queue's files: each row has a link of its own below `spool/queue`, in one of 256 folders."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from merpati.platform.errors import DiskFull, Unavailable

SPOOL = "spool/queue"
_FOLDERS = tuple(f"{number:02x}" for number in range(256))


def new_file(trace_id: str) -> str:
    """A name below the mail root that no other row has: the trace id, for a postmaster who looks, and chance."""
    chance = os.urandom(5).hex()
    return f"{SPOOL}/{chance[:2]}/{trace_id}-{chance}"


def make_spool(root: Path) -> None:
    """Make the folders of the spool durably; cheap where they exist."""
    spool = root / SPOOL
    if (spool / _FOLDERS[-1]).is_dir():
        return
    try:
        (root / "spool" / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in _FOLDERS:
            (spool / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (spool, root / "spool", root):
            _sync_folder(folder)
    except OSError as error:
        raise Unavailable(f"spool not writable: {error.strerror}") from error


class QueueFiles:
    """The files of queue rows. Its methods block; call them in a thread."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def scratch(self) -> Path:
        """Where files may be that nobody is to find after a crash."""
        return self.root / "spool" / "tmp"

    def path(self, file: str) -> Path:
        return self.root / file

    def read(self, file: str, offset: int = 0, limit: int = -1) -> bytes:
        """The file from `offset` on."""
        try:
            with open(self.path(file), "rb") as source:
                source.seek(offset)
                return source.read(limit)
        except OSError as error:
            raise Unavailable(f"spool not readable: {error.strerror}") from error

    def write(self, file: str, content: bytes) -> None:
        """Write a file durably under a name from `new_file`, whole or not at all."""
        make_spool(self.root)
        target = self.path(file)
        temporary = self.scratch / target.name
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            temporary.rename(target)
            _sync_folder(target.parent)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise _unwritable(error) from error

    def remove(self, files: Iterable[str]) -> None:
        """Unlink the files of rows that are finished. One that stays is found by the sweep: no error."""
        for file in files:
            with suppress(OSError):
                self.path(file).unlink()

    def older_than(self, age: float) -> Iterator[str]:
        """Files whose names are older than `age` seconds, as rows name them.

        Told by the inode's change time, which a new link renews: what a file holds may be much older.
        """
        limit = time.time() - age
        for folder in _FOLDERS:
            with suppress(FileNotFoundError), os.scandir(self.root / SPOOL / folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False) and entry.stat().st_ctime < limit:
                            yield f"{SPOOL}/{folder}/{entry.name}"

    def set_aside(self, files: Iterable[str]) -> list[Path]:
        """Move files that no row knows to `lost+found`: what is unknown is never deleted."""
        refuge = self.root / "lost+found" / "queue"
        refuge.mkdir(parents=True, exist_ok=True, mode=0o700)
        moved = []
        for file in files:
            target = refuge / Path(file).name
            with suppress(FileNotFoundError):
                self.path(file).rename(target)
                moved.append(target)
        return moved


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(error: OSError) -> Unavailable:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (DiskFull if full else Unavailable)(f"spool not writable: {error.strerror}")
