"""lost+found: where a file goes that no row names and whose content the account already has."""

from __future__ import annotations

import os

from merpati.store import durable
from merpati.store.blobs import MailFiles


def put_aside(files: MailFiles, account_id: int, path: str) -> str:
    """Move a file to the account's `lost+found`, under its folder's name; nothing there is ever removed."""
    relative = os.path.relpath(path, files.maildir(account_id)).removeprefix(f"..{os.sep}")  # expunged
    folder = os.path.join(
        files.lost_and_found(account_id), os.path.dirname(os.path.dirname(relative)) or "INBOX"
    )
    target = os.path.join(folder, os.path.basename(path))
    serial = 0
    while os.path.lexists(target):
        serial += 1
        target = os.path.join(folder, f"{serial}.{os.path.basename(path)}")
    durable.rename(path, target)
    durable.sync_path(folder)
    return target
