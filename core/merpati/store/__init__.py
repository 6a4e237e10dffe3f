"""Store: Maildir files and their rows as one: folders, messages, flags, changes, quota, repair."""

from merpati.store.blobs import FileWrite, MailFiles, unique_base
from merpati.store.changes import Mode
from merpati.store.flags import NO_FLAGS, Flag
from merpati.store.mailboxes import provision
from merpati.store.model import (
    SPECIAL_FOLDERS,
    Appended,
    Copied,
    Expunged,
    FlagsStored,
    Mailbox,
    NewMessage,
    Quota,
    Snapshot,
)
from merpati.store.place import PLACE_SQL, Placed, Placement, place_arguments
from merpati.store.spool import SpooledFile, SpoolWriter
from merpati.store.store import Store

__all__ = [
    "NO_FLAGS",
    "PLACE_SQL",
    "SPECIAL_FOLDERS",
    "Appended",
    "Copied",
    "Expunged",
    "FileWrite",
    "Flag",
    "FlagsStored",
    "MailFiles",
    "Mailbox",
    "Mode",
    "NewMessage",
    "Placed",
    "Placement",
    "Quota",
    "Snapshot",
    "SpoolWriter",
    "SpooledFile",
    "Store",
    "place_arguments",
    "provision",
    "unique_base",
]
