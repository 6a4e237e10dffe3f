"""The virtual environment beside the sources: made once, brought up to the lock file when that changes."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from merpati_launcher.errors import Refused
from merpati_launcher.output import say

REPOSITORY = Path(__file__).resolve().parents[2]
_SOURCES = ("core", "services/smtp", "services/imap-pop", "services/auth", "services/webmail")
_REQUIREMENTS = REPOSITORY / "infra" / "requirements"


def directory() -> Path:
    """Where the environment is: MERPATI_VENV, or `.venv` beside the sources."""
    return Path(os.environ.get("MERPATI_VENV") or REPOSITORY / ".venv").absolute()


def python() -> Path:
    """The environment's interpreter."""
    return directory() / "bin" / "python"


def ensure(lock: str = "runtime.txt") -> Path:
    """Bring the environment up to `lock`; hands back its interpreter.

    An environment named by MERPATI_VENV is its owner's business and is used as it is.
    """
    if os.environ.get("MERPATI_VENV"):
        if not python().exists():
            raise Refused(f"MERPATI_VENV={directory()} has no bin/python")
        return python()
    if _is_current(lock):
        return python()
    with _locked():
        if not _is_current(lock):
            _install(lock)
    return python()


def _is_current(lock: str) -> bool:
    try:
        return _key(lock) in _marker().read_text().splitlines() and python().exists()
    except OSError:
        return False


def _marker() -> Path:
    return directory() / "merpati-installed"


def _key(lock: str) -> str:
    """What the environment depends on: the lock file, this Python, and where the sources are."""
    digest = hashlib.sha256((_REQUIREMENTS / lock).read_bytes())
    digest.update(f"{sys.version_info[:2]} {sys.base_prefix} {REPOSITORY}".encode())
    return f"{lock} {digest.hexdigest()}"


@contextmanager
def _locked() -> Iterator[None]:
    """Two first starts at once take turns."""
    path = directory().with_name(".venv.lock")
    try:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise Refused(
            f"cannot write in {REPOSITORY}: {error.strerror}; clone it to a place you own"
        ) from error


def _install(lock: str) -> None:
    if not _runs():
        _make()
    say(f"Installing the packages of {lock} into {directory()} (once; some 20 seconds)")
    _pip(_REQUIREMENTS / lock)
    _add_sources()
    # The test list contains the runtime list (infra/requirements/lock sees to it).
    installed = ["runtime.txt", "test.txt"] if lock == "test.txt" else [lock]
    _marker().write_text("".join(f"{_key(name)}\n" for name in installed))


def _runs() -> bool:
    """Whether there is an environment of this very Python already, made in this very place."""
    settings = directory() / "pyvenv.cfg"
    # Scripts in bin/ name the place: a copied or moved clone makes its own.
    if not python().exists() or str(directory()) not in settings.read_text():
        return False
    code = "import sys, pip; print(sys.version_info[:2], sys.base_prefix)"
    result = subprocess.run([python(), "-c", code], capture_output=True, text=True, check=False)
    return result.stdout.strip() == f"{sys.version_info[:2]} {sys.base_prefix}"


def _make() -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise Refused(
            f"this Python ({sys.executable}) has no ensurepip: on Debian and Ubuntu run "
            f"`apt-get install python{version}-venv`, or start merpati with another Python 3.11 or newer"
        )
    say(f"Making a virtual environment in {directory()}")
    command = [sys.executable, "-m", "venv", "--clear", str(directory())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Refused(f"cannot make {directory()}: {_last_line(result.stdout + result.stderr)}")


def _pip(lock: Path) -> None:
    command: list[str | Path] = [
        python(),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", lock]
    environment = os.environ | {"PIP_ROOT_USER_ACTION": "ignore"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        raise Refused(
            f"pip could not install {lock.name}: {_last_line(result.stderr)} "
            "(is there a package index, and a wheel for this machine? then run the same command again)"
        )


def _last_line(text: str) -> str:
    lines = [
        line for line in text.strip().splitlines() if line.startswith("ERROR")
    ] or text.strip().splitlines()
    return lines[-1] if lines else "no message"


def _add_sources() -> None:
    """Put the source folders on the environment's path; nothing of Merpati itself is copied into it."""
    packages = next((directory() / "lib").glob("python*/site-packages"))
    (packages / "merpati.pth").write_text("".join(f"{REPOSITORY / source}\n" for source in _SOURCES))
