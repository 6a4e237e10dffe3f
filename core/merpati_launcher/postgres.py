"""The embedded Postgres: made by initdb, run over a Unix socket only, known to be ready by its own pid file."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from merpati_launcher.errors import Refused
from merpati_launcher.identity import Identity
from merpati_launcher.process import Door, run_as

STOP_SIGNAL = signal.SIGINT
"""Fast shutdown: sessions end, everything is written (SIGTERM would wait for clients to leave)."""

_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0770",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_compression": "pglz",
    "max_wal_size": "1GB",
    "log_min_duration_statement": "5s",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass
class Postgres:
    """One cluster: where its data, its socket and its programs are, and who runs it."""

    data: Path
    sockets: Path
    programs: Path
    identity: Identity | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _doors(self) -> tuple[Door, Door]:
        return Door(self.data, self.identity), Door(self.sockets, self.identity)

    @property
    def doors(self) -> tuple[int, ...]:
        """The descriptors to hand to the server."""
        return tuple(descriptor for door in self._doors for descriptor in door.descriptors)

    def make(self, password: str) -> bool:
        """Make the cluster if there is none yet; says whether it did. Refuses data of another major version."""
        for place in (self.data, self.sockets):
            place.mkdir(parents=True, exist_ok=True)
            if self.identity:
                self.identity.own(place)
        self.data.chmod(0o700)
        self.sockets.chmod(0o770)
        version = self.data / "PG_VERSION"
        if version.exists():
            self._refuse_other_major(version.read_text().strip())
            return False
        self._initdb(password)
        return True

    def _initdb(self, password: str) -> None:
        secret = self.sockets / ".password"
        secret.touch(0o600)
        secret.write_text(password)
        if self.identity:
            self.identity.own(secret)
        data, sockets = (door.path for door in self._doors)
        command: list[str | Path] = [self.programs / "initdb", "-D", data, "-U", "merpati", "-E", "UTF8"]
        # Pinned: with locale C the trigrams of non-ASCII text vanish, and ICU is not in the wheel.
        command += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["-A", "scram-sha-256", f"--pwfile={sockets / secret.name}", "--data-checksums"]
        try:
            result = run_as(command, self.identity, environment(), self.doors)
        finally:
            secret.unlink()
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["no message"]
            raise Refused(f"initdb failed in {self.data}: {lines[-1]}")

    def _refuse_other_major(self, found: str) -> None:
        ours = self.major()
        if found != ours:
            raise Refused(
                f"{self.data} was made by Postgres {found}, and this is Postgres {ours}: "
                f"set MERPATI_POSTGRES_BIN to a Postgres {found}, or move the data over with pg_dumpall"
            )

    def major(self) -> str:
        """The major version of the programs."""
        text = run_as([self.programs / "postgres", "--version"], self.identity, environment()).stdout
        return text.split()[2].split(".")[0] if text else "unknown"

    def command(self) -> list[str | Path]:
        """What starts it."""
        data, sockets = (door.path for door in self._doors)
        options = {**_OPTIONS, "unix_socket_directories": str(sockets), **self.options}
        words: list[str | Path] = [self.programs / "postgres", "-D", data]
        for name, value in options.items():
            words += ["-c", f"{name}={value}"]
        return words

    def ready(self, pid: int) -> bool:
        """Whether the server `pid` takes connections; its postmaster.pid says so (as pg_ctl reads it)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def environment() -> dict[str, str]:
    """Our own environment without what would steer Postgres: locales of this machine and PG* variables."""
    dropped = ("PG", "LC_", "LANG")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
