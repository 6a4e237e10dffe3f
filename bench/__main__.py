"""`python -m bench`: all rows, ours and the peer's in alternating rounds; writes bench/RESULTS.md."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench import report, rows
from bench.rows import ROWS, Row
from bench.servers import LOAD_CORE, Dovecot, Merpati, Postfix, have_peers


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each row; the table shows medians")
    parser.add_argument("--rows", nargs="*", choices=[row.name for row in ROWS], help="only these")
    parser.add_argument("--dry", action="store_true", help="do not write RESULTS.md")
    options = parser.parse_args()
    if not have_peers() or os.geteuid() != 0:
        print("bench: needs root, Postfix and Dovecot: run `./merpati bench` as root", file=sys.stderr)
        return 2
    chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    home = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/tmp"))
    home.chmod(0o755)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        text = _run(home, chosen, options.rounds)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(text)
    if not options.dry:
        (Path(__file__).parent / "RESULTS.md").write_text(text)
    return 0


def _run(home: Path, chosen: list[Row], rounds: int) -> str:
    ours, postfix = Merpati(home), Postfix(home)
    dovecot, dovecot0 = Dovecot(home), Dovecot(home, service_count=0)
    peers: dict[str, list[Postfix | Dovecot]] = {"postfix": [postfix], "dovecot": [dovecot]}
    needed = {row.peer for row in chosen}
    running: list[Merpati | Postfix | Dovecot] = []
    results: list[report.Result] = []
    try:
        for server in (ours, *(peer for name in sorted(needed) for peer in peers[name])):
            _note(f"starting {server.name}")
            server.start()
            running.append(server)
        if any(row.name == "login" for row in chosen):
            dovecot0.start()
            running.append(dovecot0)
        if any(row.peer == "dovecot" and row.name not in ("login", "first-login") for row in chosen):
            for server in (ours, dovecot):
                _note(f"filling a folder of {server.name} with {rows.MESSAGES:,} messages")
                rows.fill(server)
        for row in chosen:
            others = [*peers[row.peer], *([dovecot0] if row.name == "login" else [])]
            results += _measure(row, ours, others, rounds)
        return report.page(results, [server.describe() for server in (ours, postfix, dovecot)], rounds)
    finally:
        for server in reversed(running):
            server.stop()


def _measure(row: Row, ours: Merpati, others: list[Postfix | Dovecot], rounds: int) -> list[report.Result]:
    """Alternate: one round of ours, one of each peer, and again."""
    figures: dict[str, list[float]] = {server.name: [] for server in (ours, *others)}
    for number in range(rounds):
        for server in (ours, *others):
            figures[server.name].append(row.measure(server, number))  # type: ignore[arg-type]
    mine = statistics.median(figures[ours.name])
    results = []
    for server in others:
        theirs = statistics.median(figures[server.name])
        result = report.Result(row.title, row.unit, row.more_is_better, mine, server.name, theirs)
        _note(result.line())
        results.append(result)
    return results


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
