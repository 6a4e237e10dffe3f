"""What a comparison of files and rows found, and what was done about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

KINDS = {
    "misnamed": "flags in the file's name differ from the row's, or the file has two names",
    "displaced": "the row's file lies elsewhere",
    "missing": "the row's file is gone",
    "unknown": "a file without a row",
    "known": "a file without a row, of a message that the account has: moved to lost+found",
    "torn": "a file without a row that is not as long as its name says: moved to lost+found",
    "folder": "a file without a row that belongs to no folder: moved to lost+found",
    "counter": "counts that differ from the messages",
    "rename": "a folder's directory still has its old name",
    "stranger": "files of no account: left as they are",
    "queue": "a queue row without its file",
    "unreadable": "the disk failed while this account was compared",
    "spool": "a file of the queue without a row: the worker moves it to lost+found when it is old",
    "restored": "the database is older than the files: it was restored from a backup",
}
"""Every kind of finding, in words."""

LOSSES = frozenset({"missing", "queue", "unreadable"})
"""The kinds that no repair can mend: the bytes are not on this volume."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    kind: str
    account_id: int | None
    detail: str


@dataclass(slots=True)
class Findings:
    """All that was found; `repair` says whether it is also put right."""

    repair: bool
    found: list[Finding] = field(default_factory=list)

    def add(self, kind: str, account_id: int | None, detail: str) -> None:
        """Note one finding."""
        printable = detail.encode(errors="replace").decode()  # a file's name may be no UTF-8
        self.found.append(Finding(kind, account_id, printable))

    def counts(self) -> Counter[str]:
        """How many of each kind."""
        return Counter(finding.kind for finding in self.found)
