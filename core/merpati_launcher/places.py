"""Where the sockets of a data directory are: in it, or behind a short name where its own path is too long for one."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

_LONGEST = 100 - len("/postgres/.s.PGSQL.5432.lock")
"""A Unix socket's path has 107 bytes at most; a little is kept for pids in notify sockets' names."""
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
"""Paths that mean themselves in a URL, and in Postgres's list of socket directories."""


class RunDirectory:
    """`DIR/run`, by a name that sockets can have."""

    def __init__(self, data: Path) -> None:
        self.real = data / "run"
        self.real.mkdir(mode=0o700, exist_ok=True)
        self._alias: Path | None = None
        self.path = self.real
        if len(str(self.real)) > _LONGEST or not _PLAIN.fullmatch(str(self.real)):
            self._alias = Path(tempfile.mkdtemp(prefix="merpati-", dir="/tmp"))
            self.path = self._alias / "run"
            self.path.symlink_to(self.real)

    def environment(self) -> dict[str, str]:
        """Settings that lead to the sockets, where the data directory's own path does not."""
        if self._alias is None:
            return {}
        return {
            "MERPATI_DATABASE_HOST": str(self.path / "postgres"),
            "MERPATI_REDIS_URL": f"unix://{self.path / 'valkey' / 'valkey.sock'}",
            "MERPATI_AUTH_URL": f"unix:{self.path / 'auth.sock'}",
        }

    def close(self) -> None:
        if self._alias is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
                self._alias.rmdir()
