"""Real Postgres and Valkey for tests, and the services as real processes: started by the launcher's own code."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from merpati.platform.settings import Settings
from merpati_init.certificates import make_certificates
from merpati_init.migrate import make_roles, migrate
from merpati_init.secrets import make_secrets
from merpati_launcher import postgres, valkey
from merpati_launcher.binaries import find_postgres, find_valkey, reachable
from merpati_launcher.identity import unprivileged
from merpati_launcher.notify import NotifySocket
from merpati_launcher.process import spawn

MODULES = {
    "auth": "merpati_auth",
    "smtp": "merpati_smtp",
    "outbound": "merpati_smtp.outbound",
    "imap-pop": "merpati_imap_pop",
    "webmail": "merpati_webmail",
    "worker": "merpati_worker",
}
TEMPLATE = "merpati_template"
# Unit tests ask what Postgres answers, not whether it survives a power cut; crash tests start their own.
FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "64MB"}


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for `condition`, looking again every 10 ms; the deadline is a guard against hangs."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Cluster:
    """One Postgres with a migrated template database, and one Valkey, in a temporary directory with a short path."""

    def __init__(self, options: dict[str, str] | None = None) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="merpati-", dir="/tmp"))
        self.home.chmod(0o711)
        identity = unprivileged()
        self.postgres = postgres.Postgres(
            data=self.home / "pgdata",
            sockets=self.home / "pg",
            programs=reachable(find_postgres(), identity),
            identity=identity,
            options=FAST if options is None else options,
        )
        self.valkey = valkey.Valkey(self.home / "vk", reachable(find_valkey(), identity), identity)
        self.origin = self.settings(self.home / "origin", TEMPLATE)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._names = (f"test_{number}" for number in itertools.count(1))

    def settings(self, data: Path, database: str) -> Settings:
        """Settings of a Merpati whose data directory is `data`, on free ports, over this Postgres and Valkey."""
        data.mkdir(parents=True, exist_ok=True)
        listening = [
            name
            for name in Settings.model_fields
            if name.endswith("_port") and not name.startswith("public_")
        ]
        ports = {name: free_port() for name in listening}
        ports |= {"database_port": 5432, "smtp_out_port": 25}
        values = {
            "data": data,
            "database_host": str(self.postgres.sockets),
            "database_name": database,
            "redis_url": f"unix://{self.valkey.socket}",
            "auth_url": f"unix:{self.home / f'auth-{data.name}.sock'}",
            "myhostname": "mail.example.com",
            "disk_floor": 1024**2,
            "disk_floor_percent": 0.0,
        }
        return Settings(_env_file=None, **ports, **values)  # type: ignore[call-arg,arg-type]

    def start(self) -> None:
        make_secrets(self.origin)
        make_certificates(self.origin)
        self.postgres.make(self.origin.secret("postgres_owner"))
        self.valkey.make()
        self.start_postgres()
        self.start_valkey()
        self._execute("CREATE DATABASE {}", TEMPLATE)
        make_roles(self.origin)
        migrate(self.origin)

    def start_postgres(self) -> None:
        self._start("postgres", self.postgres, postgres.STOP_SIGNAL)

    def start_valkey(self) -> None:
        self._start("valkey", self.valkey, valkey.STOP_SIGNAL)

    def _start(self, name: str, server: postgres.Postgres | valkey.Valkey, death: int) -> None:
        log = self.home / "log" / f"{name}.log"
        process = spawn(
            server.command(), log, identity=server.identity, doors=server.doors, death_signal=death
        )
        self._processes[name] = process
        wait_until(lambda: process.poll() is not None or server.ready(process.pid), 60, f"{name} ready")
        if process.returncode is not None:
            raise RuntimeError(f"{name} did not start: {log.read_text()[-2000:]}")

    def stop_postgres(self) -> None:
        self._stop("postgres", postgres.STOP_SIGNAL)

    def stop_valkey(self) -> None:
        self._stop("valkey", valkey.STOP_SIGNAL)

    def _stop(self, name: str, number: int) -> None:
        process = self._processes.pop(name)
        process.send_signal(number)
        process.wait(60)

    def clone(self) -> str:
        """The name of a new database with the whole schema and no rows."""
        name = next(self._names)
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, TEMPLATE)
        return name

    def drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        owner = self.origin
        with psycopg.connect(
            host=str(self.postgres.sockets),
            user="merpati",
            password=owner.secret("postgres_owner"),
            dbname="postgres",
            autocommit=True,
        ) as conn:
            conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]

    def new(self, data: Path) -> Settings:
        """Settings over a fresh database and data directory, with this cluster's secrets and certificates."""
        settings = self.settings(data, self.clone())
        for name in ("secrets", "tls"):
            shutil.copytree(self.origin.data / name, data / name)
        settings.mail_root.mkdir(exist_ok=True)
        settings.run_dir.mkdir(exist_ok=True)
        return settings

    def close(self) -> None:
        for name, number in (("postgres", signal.SIGQUIT), ("valkey", signal.SIGTERM)):
            if name in self._processes:
                self._stop(name, number)
        shutil.rmtree(self.home, ignore_errors=True)


def environment(settings: Settings) -> dict[str, str]:
    """The process environment that makes `settings.load()` give `settings` back."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MERPATI_")}
    chosen = settings.model_dump(mode="json")
    inherited["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    return inherited | {f"MERPATI_{name.upper()}": str(value) for name, value in chosen.items()}


class Service:
    """One running service process."""

    def __init__(self, name: str, settings: Settings, home: Path, module: str | None = None) -> None:
        self.name = name
        self.module = module or MODULES[name]
        self.settings = settings
        self.log = settings.data / "log" / f"{name}.log"
        self._notify = NotifySocket(home / f"{name}-{free_port()}.notify")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, seconds: float = 120) -> Service:
        """Start, and return when the service says that it is ready."""
        env = environment(self.settings) | {"NOTIFY_SOCKET": str(self._notify.path)}
        process = spawn([sys.executable, "-m", self.module], self.log, env=env)
        self.process = process
        wait_until(
            lambda: process.poll() is not None or self._notify.is_ready(), seconds, f"{self.name} ready"
        )
        if process.returncode is not None:
            raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-4000:]}")
        return self

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """SIGTERM, and wait for the graceful end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
                raise

    def close(self) -> None:
        self.stop()
        self._notify.close()
