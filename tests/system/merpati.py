"""A whole Merpati for a story: started by `./merpati up --detach`, known by its ready.json, as anybody would."""

from __future__ import annotations

import json
import os
import pwd
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from merpati_launcher.config import PORTS
from merpati_launcher.identity import Identity
from tests.embedded import wait_until

REPOSITORY = Path(__file__).parents[2]
SERVICES = ("auth", "smtp", "outbound", "imap-pop", "webmail", "worker")


def free_offset() -> int:
    """A --port-offset at which every default port is free."""
    while True:
        offset = random.randrange(10_000, 50_000, 10)
        try:
            for port in PORTS.values():
                with socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return offset


def run(
    *words: str | Path, env: dict[str, str] | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """`./merpati ...`, in the environment that the tests run in."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MERPATI_")}
    return subprocess.run(
        [str(REPOSITORY / "merpati"), *map(str, words)],
        env=inherited | {"MERPATI_VENV": sys.prefix} | (env or {}),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


class Clone:
    """A fresh copy of what git knows, where everybody can read it: no virtual environment, no data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        for name in files.stdout.splitlines():
            if (REPOSITORY / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, path / name)

    def merpati(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """`./merpati ...` in the clone, by a Python that other users can run too."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MERPATI_", "PYTHON"))
        }
        command = [everybodys_python(), str(self.path / "merpati"), *words]
        return subprocess.run(
            command,
            cwd=self.path,
            env=kept | settings,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def everybodys_python() -> str:
    """This Python, or, where it is under /root, the machine's own."""
    nobody = pwd.getpwnam("nobody")
    stranger = Identity("nobody", nobody.pw_uid, nobody.pw_gid)
    ours = Path(sys.base_prefix) / "bin" / "python3"
    return str(ours) if stranger.can_reach(ours) else "/usr/bin/python3"


class Merpati:
    """One installation, from `up` to `down`."""

    def __init__(self, data: Path, *options: str, **settings: object) -> None:
        self.data = data
        self.offset = free_offset()
        self.options = options
        self.settings = {f"MERPATI_{name.upper()}": str(value) for name, value in settings.items()}

    def up(self) -> Merpati:
        words = ("up", "--detach", "--data", self.data, "--port-offset", self.offset, *self.options)
        result = run(*map(str, words), env=self.settings)
        assert result.returncode == 0, result.stdout + result.stderr
        return self

    def down(self) -> None:
        result = run("down", "--data", self.data)
        assert result.returncode == 0, result.stdout + result.stderr

    def __enter__(self) -> Merpati:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    def command(self, *words: str) -> str:
        """What `./merpati WORDS` prints."""
        result = run(*words, env=self.settings | {"MERPATI_DATA": str(self.data)})
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    # What ready.json says

    @property
    def ready(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data / "ready.json").read_text())
        return content

    def port(self, name: str) -> int:
        return PORTS[name] + self.offset

    def password(self, address: str) -> str:
        ready = self.ready
        logins = [ready["postmaster"], *ready["accounts"]]
        return next(login["password"] for login in logins if login["address"] == address)

    @cached_property
    def ca(self) -> str:
        return str(self.ready["ca"])

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    def pid(self, name: str) -> int:
        return int(self.ready["pids"][name])

    # Faults

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Kill a process (kill -9); hands back the pid it had."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def wait_back(self, name: str, former: int, seconds: float = 60) -> None:
        """Wait until a new process of that name is ready."""
        wait_until(lambda: self.pid(name) != former, seconds, f"{name} back")

    # The REST API

    @contextmanager
    def api(self, address: str | None = None, password: str | None = None) -> Iterator[httpx.Client]:
        """A client of `/api/v1`, logged in; as the postmaster unless told otherwise."""
        login = self.ready["postmaster"] if address is None else {"address": address, "password": password}
        base = f"{self.ready['api']}/api/v1"
        with httpx.Client(base_url=base, timeout=30, verify=self.tls()) as client:
            answer = client.post("/login", json={"username": login["address"], "password": login["password"]})
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            yield client
