"""Writing files so that they survive a power cut: written, named, then files and directories synced together."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

_NO_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP})
_SYNC_FILE_RANGE_WRITE = 2  # <linux/fs.h>
_LANES = 4
_syncers = ThreadPoolExecutor(2 * _LANES, thread_name_prefix="sync")
_libc = ctypes.CDLL(None, use_errno=True)


def create(path: str, chunks: Sequence[bytes]) -> int:
    """Create a file that must not exist and fill it; its descriptor stays open for the sync."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
    except OSError:
        os.close(descriptor)
        os.unlink(path)
        raise
    return descriptor


def link(source: str, target: str) -> None:
    """A second name for `source`; a copy where the file system refuses one more link."""
    try:
        _in_directory(os.link, source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, target)


def rename(source: str, target: str) -> None:
    """Give `source` its final name."""
    _in_directory(os.rename, source, target)


def _in_directory(step: Callable[[str, str], None], source: str, target: str) -> None:
    try:
        step(source, target)
    except FileNotFoundError:
        parent = os.path.dirname(target)
        if os.path.isdir(parent):  # then it is the source that is missing
            raise
        make_directory(parent)
        step(source, target)


def make_directory(path: str) -> None:
    """Make a directory and those above it, each entry synced; a Maildir's `cur` gets its siblings (Maildir++)."""
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        make_directory(parent)
    siblings = ("cur", "new", "tmp") if os.path.basename(path) == "cur" else (os.path.basename(path),)
    for name in siblings:
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.join(parent, name), 0o700)
    sync_path(parent)


def _copy(source: str, target: str) -> None:
    temporary = f"{target}.copying"
    with open(source, "rb") as reader, open(temporary, "xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    os.rename(temporary, target)


def begin_writing(descriptors: Iterable[int]) -> None:
    """Start the write-back of several files at once: the syncs that follow then find most of it done."""
    for descriptor in descriptors:
        _libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)


def begin_range(descriptor: int, start: int, length: int) -> None:
    """Start the write-back of a part of a file, and go on; its pages stay in memory."""
    _libc.sync_file_range(descriptor, ctypes.c_int64(start), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)


def sync_together(descriptors: Sequence[int]) -> None:
    """fsync files and directories at the same time.

    One after another each waits for a commit of the file system's journal; together they share it, which halves
    the time of a single message and takes two thirds from that of ten.
    """
    lanes = [descriptors[start::_LANES] for start in range(min(_LANES, len(descriptors)))]
    others = [_syncers.submit(_sync_all, lane) for lane in lanes[1:]]
    try:
        _sync_all(lanes[0])
    finally:
        for other in others:
            other.exception()  # wait: the caller closes the descriptors
    for other in others:
        other.result()


def _sync_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.fsync(descriptor)


def sync_path(path: str) -> None:
    """fsync a file or a directory by its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: str) -> None:
    """Make everything on the file system of `path` durable in one call (syncfs, Linux)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(descriptor)


def remove(paths: Iterable[str]) -> None:
    """Remove names, those that are not there included."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
