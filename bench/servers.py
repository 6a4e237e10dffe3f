"""The servers under test: ours, Postfix and Dovecot, each in a directory of its own and held to one core."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from merpati_launcher.config import PORTS

REPOSITORY = Path(__file__).parents[1]
SERVER_CORE, LOAD_CORE = 0, 1
ADDRESS, PASSWORD, DOMAIN = "iqbal@example.com", "kapal api masuk pelabuhan", "example.com"

LIMITS = {
    "smtp_client_rate": "0",
    "smtp_client_connection_limit": "1000",
    "disable_plaintext_auth": "false",
    "mailbox_size_limit": "0",
    "auth_cache_ttl": "600",
    "log_level": "warning",
}
"""What one machine that sends as fast as it can needs; limits are raised by settings, never by code."""


def on_server_core(words: Sequence[str | Path]) -> list[str]:
    return ["taskset", "--cpu-list", str(SERVER_CORE), *map(str, words)]


def start_daemon(words: Sequence[str | Path]) -> None:
    """Run what goes on in the background; it keeps its output, so that must not be a pipe of ours."""
    with tempfile.TemporaryFile("w+") as output:
        result = subprocess.run(on_server_core(words), stdout=output, stderr=output, check=False, timeout=60)
        if result.returncode:
            output.seek(0)
            raise RuntimeError(f"{words[0]} did not start: {output.read()}")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _free_offset() -> int:
    """A --port-offset at which every port is free."""
    for offset in range(20_000, 50_000, 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in PORTS.values():
                stack.enter_context(socket.create_server(("127.0.0.1", port + offset)))
            return offset
    raise RuntimeError("no free ports")


def wait_port(port: int, seconds: float = 30) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)


class Merpati:
    """Ours, started by `./merpati up` like anybody's."""

    name = "Merpati"

    def __init__(self, home: Path) -> None:
        self.data = home / "merpati"
        self.offset = _free_offset()
        self.smtp = PORTS["smtp"] + self.offset
        self.imap = PORTS["imap"] + self.offset

    def _run(self, *words: str) -> None:
        env = os.environ | {"MERPATI_VENV": sys.prefix}
        env |= {f"MERPATI_{name.upper()}": value for name, value in LIMITS.items()}
        command = on_server_core([REPOSITORY / "merpati", *words, "--data", self.data])
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        self._run("up", "--detach", "--port-offset", str(self.offset))
        self._make_account()

    def _make_account(self) -> None:
        import httpx

        ready = json.loads((self.data / "ready.json").read_text())
        login = {"username": ready["postmaster"]["address"], "password": ready["postmaster"]["password"]}
        with httpx.Client(base_url=f"{ready['api']}/api/v1", timeout=30) as api:
            token = api.post("/login", json=login).raise_for_status().json()["token"]
            api.headers["Authorization"] = f"Bearer {token}"
            api.post("/domains", json={"name": DOMAIN}).raise_for_status()
            api.post("/accounts", json={"address": ADDRESS, "password": PASSWORD}).raise_for_status()
            for number in range(UNCACHED):
                account = {"address": f"u{number}@{DOMAIN}", "password": PASSWORD, "mailbox": True}
                api.post("/accounts", json=account).raise_for_status()

    def stop(self) -> None:
        self._run("down")

    def delivered(self) -> int:
        """How many messages lie in the mailbox."""
        with Imap(self.imap) as client:
            client.login(ADDRESS)
            return client.status("INBOX")

    def describe(self) -> str:
        version = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        return f"Merpati at {version.stdout.strip() or 'an unknown commit'}"


UNCACHED = 60
"""Accounts whose first logins are measured: no cache has seen their passwords."""


class Postfix:
    """Debian's Postfix, delivering to a Maildir with its own `virtual`."""

    name = "Postfix"

    def __init__(self, home: Path) -> None:
        self.home = home / "postfix"
        self.smtp = free_port()
        self.maildir = self.home / "mail" / "iqbal"

    def start(self) -> None:
        user = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "lib", "mail"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for name in ("lib", "mail"):
            os.chown(self.home / name, user.pw_uid, user.pw_gid)
        etc = self.home / "etc"
        (etc / "main.cf").write_text(_MAIN_CF.format(home=self.home, uid=user.pw_uid, gid=user.pw_gid))
        (etc / "mailboxes").write_text(f"{ADDRESS} iqbal/\n")
        master = Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = [line for line in master.splitlines() if not line.startswith("smtp      inet")]
        lines = [
            line.replace(" y       -       -       smtpd", " n       -       -       smtpd") for line in lines
        ]
        unchrooted = [_without_chroot(line) for line in lines]
        (etc / "master.cf").write_text(
            "\n".join([f"127.0.0.1:{self.smtp} inet n - n - - smtpd", *unchrooted]) + "\n"
        )
        (etc / "dynamicmaps.cf").write_text("")
        start_daemon(["postfix", "-c", etc, "start"])
        wait_port(self.smtp)

    def stop(self) -> None:
        pid = int((self.home / "queue" / "pid" / "master.pid").read_text())
        _end(pid)

    def delivered(self) -> int:
        new = self.maildir / "new"
        return len(os.listdir(new)) if new.exists() else 0

    def describe(self) -> str:
        result = subprocess.run(
            ["postconf", "-h", "mail_version"], capture_output=True, text=True, check=False
        )
        return f"Postfix {result.stdout.strip()}"


def _without_chroot(line: str) -> str:
    """Debian runs most of Postfix in a chroot that is not set up for a second instance."""
    fields = line.split()
    if len(fields) > 7 and not line.startswith((" ", "#")) and fields[4] in ("y", "-"):
        fields[4] = "n"
        return " ".join(fields)
    return line


_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/lib
maillog_file = {home}/log
maillog_file_prefixes = {home}
myhostname = mail.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = example.com
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = texthash:{home}/etc/mailboxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_mailbox_limit = 0
mailbox_size_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = permit_auth_destination, reject
local_recipient_maps =
alias_maps =
alias_database =
"""


class Dovecot:
    """Debian's Dovecot on a Maildir; `service_count` is its login service's."""

    def __init__(self, home: Path, service_count: int = 1) -> None:
        self.name = "Dovecot" if service_count else "Dovecot (service_count=0)"
        self.home = home / f"dovecot-{service_count}"
        self.imap = free_port()
        self._service_count = service_count

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        mail = self.home / "mail"
        mail.mkdir(exist_ok=True)
        user = pwd.getpwnam("mail")
        os.chown(mail, user.pw_uid, user.pw_gid)
        password = _argon2_hash()
        users = [ADDRESS, *(f"u{number}@{DOMAIN}" for number in range(UNCACHED))]
        (self.home / "users").write_text("".join(f"{address}:{password}\n" for address in users))
        (self.home / "users").chmod(0o644)
        (self.home / "dovecot.conf").write_text(
            _DOVECOT_CONF.format(
                home=self.home, port=self.imap, uid=user.pw_uid, gid=user.pw_gid, count=self._service_count
            )
        )
        start_daemon(["dovecot", "-c", self.home / "dovecot.conf"])
        wait_port(self.imap)

    def stop(self) -> None:
        _end(int((self.home / "run" / "master.pid").read_text()))

    def describe(self) -> str:
        result = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=False)
        return f"Dovecot {result.stdout.split()[0]}"


def _argon2_hash() -> str:
    """The same argon2id cost for both: 19 MiB, t=2, p=1."""
    from argon2 import PasswordHasher

    return "{ARGON2ID}" + PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(PASSWORD)


_DOVECOT_CONF = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{home}/mail/%u
first_valid_uid = 1
default_vsz_limit = 1G
mail_max_userip_connections = 1000
auth_cache_size = 10M
auth_cache_ttl = 10 min
passdb {{
  driver = passwd-file
  args = {home}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  service_count = {count}
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def have_peers() -> bool:
    return bool(shutil.which("postfix") and shutil.which("dovecot"))


from bench.imap import Imap  # noqa: E402
