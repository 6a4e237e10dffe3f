"""Whom the embedded servers run as: Postgres refuses root, so as root an existing unprivileged user is used."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from merpati_launcher.errors import Refused


@dataclass(frozen=True)
class Identity:
    """An unprivileged user of this machine."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether this user may read `path` and search every directory above it."""
        return all(self._may(place, 1) for place in path.resolve().parents) and self._may(path, 4)

    def _may(self, path: Path, bit: int) -> bool:
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid == self.uid:
            return bool(mode & bit << 6)
        if status.st_gid == self.gid:
            return bool(mode & bit << 3)
        return bool(mode & bit)

    def own(self, path: Path) -> None:
        """Give `path` to this user."""
        os.chown(path, self.uid, self.gid)


def unprivileged() -> Identity | None:
    """The user to change to, or None where this process is not root and may stay as it is."""
    if os.geteuid() != 0:
        return None
    for name in ("merpati", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name, entry.pw_uid, entry.pw_gid)
    raise Refused("Postgres will not run as root, and there is no user `nobody`: run merpati as another user")
