"""What the stack takes of a small machine's memory before anybody uses it, counted as PSS."""

from __future__ import annotations

from pathlib import Path

from tests.containers.composed import Composed
from tests.system.merpati import SERVICES

MEGABYTE = 1024 * 1024


def test_the_whole_stack_is_small_at_rest(company: Composed) -> None:
    sizes = {
        name: sum(
            _pss(int(pid))
            for container in company.containers(name)
            for pid in company.engine.run("docker", "top", container, "-eo", "pid").split()[1:]
        )
        for name in (*SERVICES, "postgres", "redis", "caddy")
    }
    assert sum(sizes.values()) < 512 * MEGABYTE, {name: size // MEGABYTE for name, size in sizes.items()}


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
