"""`./merpati test` and `./merpati bench`: everything they need is installed first, or named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from merpati_launcher import installation
from merpati_launcher.errors import Refused
from merpati_launcher.output import say

_DEBIAN = installation.REPOSITORY / "infra" / "requirements" / "debian.txt"
_CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",))


def test(arguments: Sequence[str]) -> int:
    """Check style, types and imports, then run the tests; ends with pytest's own summary."""
    _install_debian("test")
    environment = _environment()
    for words in _CHECKS:
        say(f"Checking: {' '.join(words)}")
        code = _run(words, environment)
        if code:
            return code
    workers = str(min(os.cpu_count() or 2, 4))
    given = arguments or ("-n", workers, "--dist", "loadfile", "-q")
    return _run(("pytest", *given), environment)


def bench(arguments: Sequence[str]) -> int:
    """Measure Merpati beside its peers."""
    _install_debian("bench")
    return _run(("python", "-P", "-m", "bench", *arguments), _environment())


def _environment() -> dict[str, str]:
    """The environment with the test wheels in front of everything else on PATH."""
    programs = installation.ensure("test.txt").parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(installation.REPOSITORY)}


def _run(words: Sequence[str], environment: dict[str, str]) -> int:
    program = shutil.which(words[0], path=environment["PATH"])
    if program is None:
        raise Refused(
            f"{words[0]} is not in {installation.directory()}: delete it and run the same command again"
        )
    command = [program, *words[1:]]
    return subprocess.run(command, cwd=installation.REPOSITORY, env=environment, check=False).returncode


def _install_debian(purpose: str) -> None:
    """Install the Debian packages of `purpose` that are missing; without root, say the line that does."""
    missing = [name for name in _packages(purpose) if not _is_installed(name)]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Refused(f"first run: sudo apt-get update && sudo {' '.join(command)}")
    say(f"Installing {', '.join(missing)}")
    # Postfix and Dovecot bring services that would start at once; the bench starts its own.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["apt-get", "update", "--quiet"], command):
        result = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise Refused(f"{' '.join(command)} failed: {lines[-1]}")


def _packages(purpose: str) -> list[str]:
    """The names under `[purpose]` in debian.txt."""
    section, names = "", []
    for line in _DEBIAN.read_text().splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and section == purpose:
            names.append(line)
    return names


def _is_installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "installed"
