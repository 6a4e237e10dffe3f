"""A Merpati by `docker compose up`, with the handles of one by `./merpati up`: the same stories are told on it."""

from __future__ import annotations

import json
import os
import signal
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from merpati_launcher.config import PORTS
from tests.containers.engine import Engine
from tests.embedded import free_port, wait_until
from tests.system.merpati import REPOSITORY, SERVICES, Merpati, free_offset, run

POSTMASTER = "postmaster@localhost"
PEOPLE = ("tito@example.com", "iqbal@example.com")
_PUBLISHED = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")


class Composed(Merpati):
    """One project of compose."""

    def __init__(self, engine: Engine, home: Path, project: str, **settings: object) -> None:
        super().__init__(home, **settings)
        self.engine = engine
        self.project = project
        self.offset = free_offset()
        self.https = free_port()
        self.sizes_at_start: dict[str, int] = {}
        home.mkdir(parents=True, exist_ok=True)
        publish = {f"MERPATI_PUBLISH_{name.upper()}": str(self.port(name)) for name in _PUBLISHED}
        publish |= {"MERPATI_PUBLISH_HTTPS": str(self.https), "MERPATI_PUBLISH_HTTP": str(free_port())}
        engine.environment |= publish
        # Further settings come in as they do on a droplet: by `.env` beside the compose file.
        self._override = home / "settings.yml"
        services = {name: {"environment": self.settings} for name in SERVICES}
        self._override.write_text(json.dumps({"services": services}))

    def compose(self, *words: str, seconds: float = 900) -> str:
        """`docker compose ...` on this project."""
        files = ("docker-compose.yml", "infra/offline/compose.yml")
        named = [word for file in files for word in ("-f", str(REPOSITORY / file))]
        return self.engine.run(
            "docker",
            "compose",
            "-p",
            self.project,
            *named,
            "-f",
            str(self._override),
            *words,
            seconds=seconds,
        )

    def up(self) -> Composed:
        self._sweep()
        self.compose("up", "--detach", "--wait", "--build")
        self.sizes_at_start = self.sizes()
        self._trust()
        self._people()
        return self

    def _sweep(self) -> None:
        """Remove what a run that was cut off left in the engine, which is the tests' own."""
        left = self.engine.run("docker", "ps", "--all", "--quiet").split()
        if left:
            self.engine.run("docker", "rm", "--force", *left)
        self.engine.run("docker", "volume", "prune", "--all", "--force")

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "20")

    def _trust(self) -> None:
        """Our CA for mail, Caddy's own for the pages: it has no other for `localhost`."""
        root = "/data/caddy/pki/authorities/local/root.crt"
        pages = self.compose("exec", "-T", "caddy", "cat", root)
        mail = self.compose("exec", "-T", "smtp", "cat", "/data/tls/ca.pem")
        (self.data / "ca.pem").write_text(mail + pages)

    def _people(self) -> None:
        wait_until(self._has_pages, 60, "the pages")
        with self.api() as api:
            if api.get("/domains/example.com").status_code == 200:
                return
            api.post("/domains", json={"name": "example.com"}).raise_for_status()
            for address in PEOPLE:
                person = {"address": address, "password": self.password(address)}
                api.post("/accounts", json=person).raise_for_status()

    def _has_pages(self) -> bool:
        try:
            return httpx.get(f"https://localhost:{self.https}/login", verify=self.tls()).status_code == 200
        except httpx.TransportError:
            return False

    @cached_property
    def _postmaster_password(self) -> str:
        return self.compose("exec", "-T", "auth", "cat", "/data/secrets/postmaster_password")

    @property
    def ready(self) -> dict[str, Any]:
        """What ready.json would say."""
        url = f"https://localhost:{self.https}"
        accounts = [{"address": address, "password": f"merpati-pos-{address}"} for address in PEOPLE]
        return {
            "web": url,
            "api": url,
            "ca": str(self.data / "ca.pem"),
            "postmaster": {"address": POSTMASTER, "password": self._postmaster_password},
            "accounts": accounts,
        }

    def port(self, name: str) -> int:
        return PORTS[name] + self.offset

    def sizes(self) -> dict[str, int]:
        """What each service takes of the machine's memory: octets, PSS."""
        return {
            name: sum(
                _pss(int(pid))
                for container in self.containers(name)
                for pid in self.engine.run("docker", "top", container, "-eo", "pid").split()[1:]
            )
            for name in (*SERVICES, "postgres", "redis", "caddy")
        }

    def command(self, *words: str) -> str:
        with self.api() as api:
            token = api.headers["Authorization"].removeprefix("Bearer ")
            env = {
                "MERPATI_API_URL": self.ready["api"],
                "MERPATI_API_TOKEN": token,
                "MERPATI_API_CA": self.ready["ca"],
            }
            result = run(*words, env=env)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def containers(self, name: str) -> list[str]:
        return self.compose("ps", "--quiet", name).split()

    def pid(self, name: str) -> int:
        """The main process of a service's container, as this machine numbers it."""
        return int(
            self.engine.run("docker", "inspect", "--format", "{{.State.Pid}}", self.containers(name)[0])
        )

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        # Not `docker kill`: the engine takes that for a wish, and does not restart.
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def wait_back(self, name: str, former: int, seconds: float = 120) -> None:
        wait_until(
            lambda: self.pid(name) not in (0, former) and self.is_healthy(name), seconds, f"{name} back"
        )

    def is_healthy(self, name: str) -> bool:
        """Whether a service's containers run and say so."""
        containers = self.containers(name)
        if not containers:
            return False
        states = self.engine.run("docker", "inspect", "--format", "{{.State.Health.Status}}", *containers)
        return set(states.split()) == {"healthy"}


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
