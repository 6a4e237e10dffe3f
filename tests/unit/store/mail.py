"""Messages to put into a store, and a look at what lies on disk."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from merpati.store import MailFiles, NewMessage

_numbers = itertools.count(1)


def letter(body: str = "Apa kabar?", *, references: str = "") -> bytes:
    """A small message with a Message-ID of its own."""
    number = next(_numbers)
    lines = [
        "From: Tito <tito@example.com>",
        "To: iqbal@example.com",
        f"Subject: Surat {number}",
        f"Message-ID: <{number}@example.com>",
        *([f"References: {references}"] if references else []),
        "",
        body,
        "",
    ]
    return "\r\n".join(lines).encode()


def new(body: str = "Apa kabar?") -> NewMessage:
    return NewMessage(letter(body))


def names(files: MailFiles, account: int, directory: str = "") -> list[str]:
    """The file names in a folder's `cur`."""
    folder = files.maildir(account, directory) / "cur"
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def every_file(root: Path) -> list[Path]:
    """All message files of a volume, wherever they are."""
    return sorted(path for path in (root / "accounts").rglob("*") if path.is_file())
