"""The folder list: order, names in the reader's language, depth in the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from merpati.store import Mailbox
from merpati_webmail.i18n import N_

_SPECIAL = {
    "INBOX": N_("Inbox"),
    "\\Drafts": N_("Drafts"),
    "\\Sent": N_("Sent"),
    "\\Archive": N_("Archive"),
    "\\Junk": N_("Junk"),
    "\\Trash": N_("Trash"),
}
_ORDER = list(_SPECIAL)


@dataclass(frozen=True, slots=True)
class Folder:
    """A mailbox as the pages show it."""

    id: int
    name: str
    """Its full name, as in IMAP."""
    label: str
    kind: str
    """inbox, drafts, sent, archive, junk, trash or folder: which icon, and what delete means here."""
    depth: int
    exists: int
    unseen: int

    @property
    def special(self) -> bool:
        return self.kind != "folder"

    @property
    def count(self) -> int:
        """The number beside the name: what waits to be read, or to be finished."""
        return self.exists if self.kind == "drafts" else self.unseen


def kind(mailbox: Mailbox) -> str:
    """What sort of folder it is."""
    if mailbox.name == "INBOX":
        return "inbox"
    if mailbox.special_use in _SPECIAL:
        return mailbox.special_use[1:].lower()
    return "folder"


def special(mailboxes: Sequence[Mailbox], use: str) -> Mailbox | None:
    """The folder with a special use (RFC 6154)."""
    return next((mailbox for mailbox in mailboxes if mailbox.special_use == use), None)


def folder(mailbox: Mailbox, gettext: Callable[[str], str]) -> Folder:
    """One mailbox as a folder."""
    key = "INBOX" if mailbox.name == "INBOX" else mailbox.special_use
    label = gettext(_SPECIAL[key]) if key in _SPECIAL else mailbox.name.rsplit("/", 1)[-1]
    return Folder(
        mailbox.id,
        mailbox.name,
        label,
        kind(mailbox),
        mailbox.name.count("/"),
        mailbox.exists,
        mailbox.unseen,
    )


def tree(mailboxes: Sequence[Mailbox], gettext: Callable[[str], str]) -> list[Folder]:
    """All folders: the special ones first, in their usual order; each followed by what is inside it."""
    roots = {mailbox.name: _root(mailbox) for mailbox in mailboxes if "/" not in mailbox.name}

    def position(mailbox: Mailbox) -> tuple[int, str]:
        top, _, rest = mailbox.name.partition("/")
        return roots.get(top, len(_ORDER)), f"{top.casefold()}/{rest.casefold()}"

    return [folder(mailbox, gettext) for mailbox in sorted(mailboxes, key=position)]


def state(mailboxes: Iterable[Mailbox]) -> str:
    """A short text that changes with any change of the account's mail: a page tells by it whether it is current."""
    parts = sorted((mailbox.id, mailbox.modseq, mailbox.name) for mailbox in mailboxes)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _root(mailbox: Mailbox) -> int:
    key = "INBOX" if mailbox.name == "INBOX" else mailbox.special_use
    return _ORDER.index(key) if key in _SPECIAL else len(_ORDER)
