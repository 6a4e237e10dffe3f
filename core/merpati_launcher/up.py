"""`merpati up`: everything started in order, watched, and stopped in order."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merpati_launcher import checks, demo, postgres, ready, valkey
from merpati_launcher.binaries import find_postgres, find_valkey, reachable
from merpati_launcher.config import Config, Options, resolve
from merpati_launcher.errors import Refused
from merpati_launcher.identity import unprivileged
from merpati_launcher.output import complain, say
from merpati_launcher.places import RunDirectory
from merpati_launcher.record import Process, Record, end, identify
from merpati_launcher.supervisor import Program, Supervisor

SERVICES = {
    "auth": "merpati_auth",
    "smtp": "merpati_smtp",
    "outbound": "merpati_smtp.outbound",
    "imap-pop": "merpati_imap_pop",
    "webmail": "merpati_webmail",
    "worker": "merpati_worker",
}
"""Every service and the module that runs it."""


def up(options: Options) -> int:
    """Start, and stay until stopped; with `detach`, come back as soon as all is ready."""
    os.umask(0o077)  # mail, logs and sockets are nobody else's business
    if options.user:
        checks.become(options.user, options.data, Path(sys.executable))
    checks.make_directory(options.data)
    config = resolve(options)
    checks.check_user(config, options)
    with _only_one(config.data):
        _end_leftovers(config.data)
        checks.check_ports(config)
        return _detached(config) if options.detach else Merpati(config).run()


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """Hold the data directory: two launchers would take turns at killing each other's work."""
    RunDirectory(data).close()
    with (data / "run" / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = Record.read(data)
            pid = f" (pid {record.launcher[0]})" if record else ""
            raise Refused(
                f"merpati is already running on {data}{pid}: `./merpati down --data {data}` stops it"
            ) from None
        yield


def _end_leftovers(data: Path) -> None:
    """Children of a launcher that was killed end by themselves; wait for them, and help where they don't."""
    ready.path(data).unlink(missing_ok=True)
    record = Record.read(data)
    if record is not None:
        last = [record.children[name] for name in ("postgres", "valkey") if name in record.children]
        end((process for process in record.children.values() if process not in last), 10)
        end(last, 60, postgres.STOP_SIGNAL)


def _detached(config: Config) -> int:
    """Go on in a child; come back when it is ready, or with its exit code."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_guarded(Merpati(config, ready_pipe=writing)))
    os.close(writing)
    if os.read(reading, 1):
        return 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _guarded(merpati: Merpati) -> int:
    try:
        return merpati.run()
    except Refused as error:
        complain(str(error))
        return 2
    except BaseException:
        # The fork's last stop: whatever it is must be seen and must not run the parent's code.
        sys.excepthook(*sys.exc_info())
        return 1


class Merpati:
    """One running Merpati, from the first process to the last."""

    def __init__(self, config: Config, ready_pipe: int | None = None) -> None:
        self.config = config
        self.started = time.monotonic()
        self.identity = unprivileged()
        self._ready_pipe = ready_pipe
        self._announced = False
        self._run = RunDirectory(config.data)
        embedded = self._run.environment()
        self.settings = config.environment() | {
            name: value for name, value in embedded.items() if name not in config.settings
        }
        self._environment = os.environ | self.settings
        # Otherwise six services would compile the same files at every start.
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._accounts: list[ready.Login] = []
        self.supervisor = Supervisor(config.data / "log", self._run.path, self._changed)

    def run(self) -> int:
        """Start everything, wait for the signal to stop, stop everything."""
        try:
            self._start()
            self._announce()
            self.supervisor.run()
            say("Stopping")
        finally:
            self._stop()
        return 0

    # Starting

    def _start(self) -> None:
        if self.identity:
            complain(
                f"running as root: Postgres and Valkey run as {self.identity.name}, everything else as root"
            )
        self._make_postmaster_address()
        if not self._secret("postgres_owner").exists():
            say("Making secrets and certificates")
            self._init("secrets")
        servers = [*self._postgres(), *self._valkey()]
        self.supervisor.start(*servers)
        self.supervisor.wait_ready([server.name for server in servers], 300)
        say("Bringing the database up to date")
        self._init()
        say(f"Starting {', '.join(SERVICES)}")
        self.supervisor.start(*map(self._service, SERVICES))
        self.supervisor.wait_ready(SERVICES, 60)
        if self.config.demo:
            self._accounts = demo.prepare(self.config, self._postmaster())

    def _postgres(self) -> list[Program]:
        if self.config.setting("database_host"):
            return []
        server = postgres.Postgres(
            data=self.config.data / "postgres",
            sockets=self._run.path / "postgres",
            programs=reachable(find_postgres() / "postgres", self.identity).parent,
            identity=self.identity,
        )
        if not (server.data / "PG_VERSION").exists():
            say("Making the database")
        server.make(self._secret("postgres_owner").read_text().strip())
        return [self._server("postgres", server, postgres.STOP_SIGNAL)]

    def _valkey(self) -> list[Program]:
        if self.config.setting("redis_url"):
            return []
        server = valkey.Valkey(
            self._run.path / "valkey", reachable(find_valkey(), self.identity), self.identity
        )
        server.make()
        return [self._server("valkey", server, valkey.STOP_SIGNAL)]

    def _server(self, name: str, server: postgres.Postgres | valkey.Valkey, stop_signal: int) -> Program:
        return Program(
            name,
            server.command(),
            env=postgres.environment(),
            identity=server.identity,
            doors=server.doors,
            stop_signal=stop_signal,
            ready=server.ready,
        )

    def _service(self, name: str) -> Program:
        return Program(name, [sys.executable, "-P", "-m", SERVICES[name]], env=self._environment)

    def _init(self, *arguments: str) -> None:
        """Run merpati_init: secrets, certificates, roles, migrations."""
        log = self.config.data / "log" / "init.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("a") as output:
            command = [sys.executable, "-P", "-m", "merpati_init", *arguments]
            result = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                check=False,
            )
        if result.returncode:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise Refused(f"init failed: {lines[-1]} (see {log})")

    # Who may log in

    def _secret(self, name: str) -> Path:
        return self.config.data / "secrets" / name

    def _make_postmaster_address(self) -> None:
        """Decide once who the first administrator is; later settings do not rename an account."""
        path = self._secret("postmaster_address")
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            default = demo.POSTMASTER if self.config.demo else f"postmaster@{self.config.myhostname}"
            path.write_text(self.config.setting("postmaster_address") or default)
            path.chmod(0o600)
        if self.config.demo and not self.config.setting("postmaster_address"):
            self._environment["MERPATI_POSTMASTER_ADDRESS"] = path.read_text()

    def _postmaster(self) -> ready.Login:
        address, password = (
            self._secret(f"postmaster_{name}").read_text().strip() for name in ("address", "password")
        )
        return {"address": address, "password": password}

    # Being ready

    def _announce(self) -> None:
        content = self._contents()
        self._announced = True
        ready.write(self.config.data, content)
        ready.show(self.config, content, time.monotonic() - self.started)
        if self._ready_pipe is None:
            say("Ctrl-C stops it.")
            return
        os.setsid()
        with (self.config.data / "log" / "launcher.log").open("ab") as log:
            for descriptor in (1, 2):
                os.dup2(log.fileno(), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.write(self._ready_pipe, b"!")
        os.close(self._ready_pipe)

    def _contents(self) -> dict[str, object]:
        children = self.supervisor.children.values()
        pids = {child.program.name: child.process.pid for child in children if child.process}
        return ready.contents(self.config, self._postmaster(), self._accounts, pids)

    def _changed(self) -> None:
        children = self.supervisor.children.items()
        launcher = identify(os.getpid())
        known: dict[str, Process] = {name: child.identity for name, child in children if child.identity}
        if launcher is not None:
            Record(launcher, known, self.settings).write(self.config.data)
        if self._announced and all(child.ready for _, child in children):
            ready.write(self.config.data, self._contents())

    # Stopping

    def _stop(self) -> None:
        """The doors first, then what they stand on."""
        self._announced = False
        ready.path(self.config.data).unlink(missing_ok=True)
        self.supervisor.stop([name for name in SERVICES if name != "auth"], 30)
        self.supervisor.stop(["auth"], 10)
        self.supervisor.stop(["postgres", "valkey"], 60)
        Record.path(self.config.data).unlink(missing_ok=True)
        self._run.close()
