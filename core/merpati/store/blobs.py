"""Message files: where each lies on the mail volume, and how a batch of them is written and read."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import secrets
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from merpati.platform.errors import DiskFull, Invalid, Unavailable
from merpati.platform.settings import Settings
from merpati.store import durable
from merpati.store.flags import letters
from merpati.store.spool import SpooledFile

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_HOST = socket.gethostname().replace("/", "\\057").replace(":", "\\072").replace(",", "\\054") or "localhost"
_serial = itertools.count()

EXPUNGED = "expunged"
"""The directory of expunged files that wait for their removal; never a folder's, which begin with a dot."""


@dataclass(frozen=True, slots=True)
class FileWrite:
    """One file and all its names: the first holds it, the others are hard links."""

    content: bytes | Sequence[bytes] | SpooledFile
    targets: Sequence[Path]


def unique_base(size: int) -> str:
    """A file name up to `:2,` that no other file ever has (Maildir), with its size as Dovecot reads it."""
    seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
    unique = f"{seconds}.M{micros:06d}P{os.getpid()}Q{next(_serial)}R{secrets.token_hex(4)}.{_HOST}"
    return f"{unique},S={size},W={size}"


class MailFiles:
    """The mail volume: `accounts/<id>/Maildir` and `spool/`."""

    def __init__(
        self,
        root: Path,
        *,
        home_mailbox: str = "Maildir",
        disk_floor: int = 0,
        disk_floor_percent: float = 0.0,
        file_sync: str = "fsync",
    ) -> None:
        self.root = root
        self._accounts = os.path.join(root, "accounts")
        self._tmp = os.path.join(root, "spool", "tmp")
        self._home = home_mailbox.strip("/") or "Maildir"
        self._floor = disk_floor
        self._floor_percent = disk_floor_percent
        self._file_sync = file_sync

    @classmethod
    def of(cls, settings: Settings) -> MailFiles:
        """The volume that the settings name."""
        return cls(
            settings.mail_root,
            home_mailbox=settings.home_mailbox,
            disk_floor=settings.disk_floor,
            disk_floor_percent=settings.disk_floor_percent,
            file_sync=settings.file_sync,
        )

    # Where things are

    @property
    def accounts(self) -> Path:
        """Where the accounts' folders are."""
        return Path(self._accounts)

    @property
    def spool_tmp(self) -> str:
        """Where files are written before they get their names."""
        return self._tmp

    def account(self, account_id: int) -> Path:
        """The folder of everything an account has."""
        return Path(self._accounts, str(account_id))

    def maildir(self, account_id: int, directory: str = "") -> Path:
        """A folder's Maildir; '' is INBOX, `EXPUNGED` is beside the Maildir, where no other program looks."""
        if directory == EXPUNGED:
            return Path(self._accounts, str(account_id), EXPUNGED)
        return Path(self._accounts, str(account_id), self._home, directory)

    def path(self, account_id: int, directory: str, base: str, flags: int) -> Path:
        """A message's file; `flags` are those in its name (the row's `mirrored`)."""
        return Path(self.name(account_id, directory, base, flags))

    def name(self, account_id: int, directory: str, base: str, flags: int) -> str:
        """`path` as a string: paths are computed by the thousand."""
        folder = f"{self._accounts}/{account_id}/{self._home}"
        if directory == EXPUNGED:
            folder = f"{self._accounts}/{account_id}/{EXPUNGED}"
        elif directory:
            folder = f"{folder}/{directory}"
        return f"{folder}/cur/{base}:2,{letters(flags)}"

    def lost_and_found(self, account_id: int) -> Path:
        """Where files go that are nobody's and whose content the account already has."""
        return self.account(account_id) / "lost+found"

    unique_base = staticmethod(unique_base)

    def new_spool_name(self) -> Path:
        """A name in `spool/tmp` for a file that is being received."""
        os.makedirs(self._tmp, mode=0o700, exist_ok=True)
        return Path(self._tmp, f"{time.time_ns()}.{os.getpid()}.{next(_serial)}")

    # Writing

    async def write(self, items: Sequence[FileWrite]) -> None:
        """Write a batch durably, in one thread; on failure nothing of it is left.

        Raises `DiskFull` or `Unavailable`.
        """
        await asyncio.to_thread(self.write_now, items)

    def write_now(self, items: Sequence[FileWrite]) -> None:
        """`write`, in the caller's thread."""
        self.check_disk()
        made: list[str] = []
        descriptors: list[int] = []
        try:
            sources = [self._source(item, made, descriptors) for item in items]
            for item, source in zip(items, sources, strict=True):
                self._name_it(item, source, made)
            self._sync(items, descriptors)
        except OSError as error:
            durable.remove(made)
            raise translate(error) from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _source(self, item: FileWrite, made: list[str], descriptors: list[int]) -> str:
        if isinstance(item.content, SpooledFile):
            source = str(item.content.path)
            descriptors.append(os.open(source, os.O_RDONLY | os.O_CLOEXEC))
            return source
        source = os.path.join(self._tmp, f"{time.time_ns()}.{os.getpid()}.{next(_serial)}")
        chunks = (item.content,) if isinstance(item.content, bytes) else item.content
        try:
            descriptors.append(durable.create(source, chunks))
        except FileNotFoundError:  # the very first file
            durable.make_directory(self._tmp)
            descriptors.append(durable.create(source, chunks))
        made.append(source)
        return source

    def _name_it(self, item: FileWrite, source: str, made: list[str]) -> None:
        # On ext4 a spool file that is renamed costs less than one that is linked and unlinked.
        spooled = isinstance(item.content, SpooledFile)
        for target in item.targets if spooled else item.targets[1:]:
            durable.link(source, str(target))
            made.append(str(target))
        if not spooled:
            durable.rename(source, str(item.targets[0]))
            made.append(str(item.targets[0]))

    def _sync(self, items: Sequence[FileWrite], descriptors: list[int]) -> None:
        """Make files and names durable; only then may a row speak of them.

        A power cut before that may leave a file without its content, which adoption knows by the size in its name.
        """
        if self._file_sync == "syncfs":
            durable.sync_file_system(str(self.root))
            return
        if len(descriptors) > 1:
            durable.begin_writing(descriptors)
        for directory in {os.path.dirname(target) for item in items for target in item.targets}:
            descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        durable.sync_together(descriptors)

    def link_now(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """Give each source a second name, all in one directory, durably; returns the positions whose source is gone."""
        self.check_disk()
        made: list[str] = []
        missing: list[int] = []
        try:
            for position, (source, target) in enumerate(pairs):
                try:
                    durable.link(source, target)
                    made.append(target)
                except FileNotFoundError:
                    missing.append(position)
            for directory in {os.path.dirname(target) for target in made}:
                durable.sync_path(directory)
        except OSError as error:
            durable.remove(made)
            raise translate(error) from error
        return missing

    async def discard(self, paths: Iterable[Path | str]) -> None:
        """Remove files whose own writer knows that no row names them: its transaction was rolled back."""
        names = [str(path) for path in paths]
        with contextlib.suppress(OSError):  # what stays is unknown, and adopted or put aside by the worker
            await asyncio.to_thread(durable.remove, names)

    # Reading

    def read(self, account_id: int, directory: str, base: str, flags: int) -> bytes:
        """A file's bytes, in the caller's thread; raises `FileNotFoundError` where it has another name by now."""
        return read_file(self.name(account_id, directory, base, flags))

    def names_by_base(self, account_id: int, directory: str) -> dict[str, str]:
        """A folder's files by their identity: for when rows and names have come apart."""
        folder = str(self.maildir(account_id, directory))
        found: dict[str, str] = {}
        for sub in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError):
                for name in os.listdir(f"{folder}/{sub}"):
                    found[name.partition(":2,")[0]] = f"{folder}/{sub}/{name}"
        return found

    # The disk

    def check_disk(self) -> None:
        """Raise `DiskFull` where less is free than the floor.

        Asked each time: it takes two microseconds, and a second of large messages can fill what was free before.
        """
        try:
            disk = os.statvfs(self.root)
        except FileNotFoundError:  # made with the first file
            os.makedirs(self.root, mode=0o700, exist_ok=True)
            disk = os.statvfs(self.root)
        except OSError as error:
            raise translate(error) from error
        floor = max(self._floor, int(disk.f_blocks * disk.f_frsize * self._floor_percent / 100))
        if disk.f_bavail * disk.f_frsize < floor:
            raise DiskFull("not enough free disk")

    def check_volume(self) -> None:
        """Refuse a file system that cannot keep mail safe: link, rename and directory sync must work."""
        durable.make_directory(self._tmp)
        first, second = (os.path.join(self._tmp, f"probe.{os.getpid()}.{name}") for name in ("a", "b"))
        durable.remove([first, second])
        try:
            os.close(durable.create(first, (b"probe",)))
            os.link(first, second)
            os.rename(first, first + ".c")
            durable.sync_path(self._tmp)
        except OSError as error:
            raise Invalid(
                f"the mail volume {self.root} cannot link, rename or sync: {error.strerror}"
            ) from error
        finally:
            durable.remove([first, second, first + ".c"])


def read_file(path: str) -> bytes:
    """A whole file; plain system calls, since one message's read is shorter than a thread's wake-up."""
    descriptor = open_file(path)
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size)
        while len(data) < size and (more := os.read(descriptor, size - len(data))):
            data += more
        return data
    finally:
        os.close(descriptor)


def open_file(path: str) -> int:
    """A descriptor for reading."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def translate(error: OSError) -> Unavailable:
    """An error of the file system in our own tree: always temporary."""
    if error.errno in _FULL:
        return DiskFull("no space left on the mail volume")
    return Unavailable(f"the mail volume fails: {error.strerror}")
