"""What must hold before anything is started: free ports, a writable directory, the right user."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import socket
from pathlib import Path

from merpati_launcher.config import Config, Options
from merpati_launcher.errors import Refused
from merpati_launcher.identity import Identity

_TITLES = {
    "smtp": "SMTP",
    "submission": "submission",
    "submissions": "submission over TLS",
    "imap": "IMAP",
    "imaps": "IMAP over TLS",
    "pop3": "POP3",
    "pop3s": "POP3 over TLS",
    "web": "web",
    "api": "REST API",
}


def check_user(config: Config, options: Options) -> None:
    """Root may serve this machine alone; for others a user without rights is asked for."""
    if os.geteuid() == 0 and not config.loopback and not options.user:
        raise Refused(
            f"as root and with --host {config.host}, name a user to run as: --user NAME "
            "(for example one made by `useradd --system merpati`)"
        )


def become(name: str, data: Path, interpreter: Path) -> None:
    """Change to the user `name` for good; a data directory that is not there yet is made for that user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Refused(f"there is no user {name!r} on this machine") from None
    if os.geteuid() == entry.pw_uid:
        return
    if os.geteuid() != 0:
        raise Refused(f"only root can run merpati as {name}")
    if not Identity(name, entry.pw_uid, entry.pw_gid).can_reach(interpreter):
        raise Refused(
            f"the user {name} cannot reach {interpreter}: clone merpati to a place that {name} can read"
        )
    if not data.exists():
        make_directory(data)
        os.chown(data, entry.pw_uid, entry.pw_gid)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ |= {"USER": name, "LOGNAME": name, "HOME": entry.pw_dir}
    if not os.access(data, os.W_OK | os.X_OK):
        raise Refused(f"the user {name} cannot write in {data}: run `chown -R {name} {data}`")


def make_directory(data: Path) -> None:
    """Make the data directory, and see that it can be written."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"cannot write in {data}: {error.strerror}; choose another directory with --data DIR"
        ) from error


def check_ports(config: Config) -> None:
    """Every port must be free now; the services would find out one by one, and later."""
    for name, port in config.ports.items():
        for address in config.host.replace(",", " ").split():
            _check_port(name, address.strip("[]"), port)


def _check_port(name: str, address: str, port: int) -> None:
    where = f"port {port} ({_TITLES[name]}) on {address}"
    if not 0 < port < 65536:
        raise Refused(f"{where} does not exist: choose another --port-offset or MERPATI_{name.upper()}_PORT")
    wildcard = "" if address == "*" else address
    try:
        found = socket.getaddrinfo(wildcard or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise Refused(f"--host {address}: {error.strerror}") from error
    for family, kind, protocol, _, target in found:
        with contextlib.closing(socket.socket(family, kind, protocol)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(target)
            except OSError as error:
                raise Refused(_why(error, where, name)) from error


def _why(error: OSError, where: str, name: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where} is in use: stop what listens there, or choose other ports "
            f"with --port-offset N or MERPATI_{name.upper()}_PORT"
        )
    if error.errno == errno.EACCES:
        return f"{where} needs root or CAP_NET_BIND_SERVICE: choose a port above 1023"
    return f"{where} cannot be opened: {error.strerror}"
