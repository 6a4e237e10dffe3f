"""bench/RESULTS.md: the table, and the machine it was measured on."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOLERANCE = 0.9
"""A row is no slower than its peer where it reaches this part of it: what repeated runs differ by."""


@dataclass(frozen=True)
class Result:
    """Medians of one row, ours and one peer's."""

    title: str
    unit: str
    more_is_better: bool
    ours: float
    peer: str
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times better ours is."""
        return self.ours / self.theirs if self.more_is_better else self.theirs / self.ours

    def line(self) -> str:
        mark = "" if self.ratio >= TOLERANCE else " **slower**"
        figures = f"{_figure(self.ours)} | {_figure(self.theirs)}"
        return f"| {self.title} | {self.unit} | {figures} | {self.peer} | {self.ratio:.2f}{mark} |"


def page(results: Sequence[Result], versions: Sequence[str], rounds: int) -> str:
    """The whole page."""
    lines = [
        "# Bench",
        "",
        f"Written by `./merpati bench` on {datetime.datetime.now(datetime.UTC):%d %B %Y}: {', '.join(versions)}.",
        f"{_machine()}. All processes of a server are held to core 0, the load to core 1. Figures are medians of",
        f"{rounds} alternating rounds; both servers sync what they acknowledge to the same disk. The ratio is how many",
        "times better Merpati is; rows below 0.9 are marked.",
        "",
        "| row | unit | Merpati | peer | which | ratio |",
        "|---|---|---|---|---|---|",
        *(result.line() for result in results),
        "",
        "Passwords are hashed with argon2id (19 MiB, t=2, p=1) on both sides; connections are in clear on loopback.",
        "Postfix delivers with `virtual` to a Maildir, Dovecot reads one; both with Debian's defaults otherwise.",
        "",
    ]
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _machine() -> str:
    model = "an unnamed processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, {system}, Python {platform.python_version()}"
