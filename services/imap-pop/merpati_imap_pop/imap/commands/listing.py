"""LIST and LSUB, with LIST-EXTENDED, SPECIAL-USE, CHILDREN and LIST-STATUS (RFC 9051 6.3.9, RFC 5258, 5819, 6154)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merpati.store import Mailbox
from merpati_imap_pop.imap.commands.context import Context
from merpati_imap_pop.imap.commands.patterns import Pattern
from merpati_imap_pop.imap.commands.status import status_line
from merpati_imap_pop.imap.responses import Reply, ok
from merpati_imap_pop.imap.wire.list_query import ListQuery
from merpati_imap_pop.imap.wire.values import mailbox as mailbox_string
from merpati_imap_pop.imap.wire.values import parenthesised


@dataclass(slots=True)
class Entry:
    """A name in the tree: a folder, or only a level above folders."""

    name: str
    mailbox: Mailbox | None
    children: bool = False
    subscribed_below: bool = False

    @property
    def subscribed(self) -> bool:
        return self.mailbox is not None and self.mailbox.subscribed


def tree(mailboxes: Sequence[Mailbox]) -> list[Entry]:
    """Every name, INBOX first, with the levels in between that are no folders themselves."""
    entries: dict[str, Entry] = {}
    for mailbox in mailboxes:
        entries.setdefault(mailbox.name, Entry(mailbox.name, mailbox)).mailbox = mailbox
        for parent in _parents(mailbox.name):
            entry = entries.setdefault(parent, Entry(parent, None))
            entry.children = True
            entry.subscribed_below = entry.subscribed_below or mailbox.subscribed
    return sorted(entries.values(), key=lambda entry: (entry.name != "INBOX", entry.name))


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


async def list_mailboxes(context: Context, query: ListQuery) -> Reply:
    if query.patterns == ("",) and not query.extended:
        context.send(b'* LIST (\\Noselect) "/" ""\r\n')  # what the separator is (RFC 9051 6.3.9)
        return ok("LIST completed")
    patterns = [Pattern(query.reference + pattern) for pattern in query.patterns]
    for entry in tree(await context.store.mailboxes(context.account_id)):
        if any(pattern.matches(entry.name) for pattern in patterns):
            await _list_entry(context, query, entry)
    return ok("LIST completed")


async def _list_entry(context: Context, query: ListQuery, entry: Entry) -> None:
    selected = _is_selected(query, entry)
    below = "RECURSIVEMATCH" in query.select and _matches_below(query, entry)
    if not selected and not below:
        return
    info = b' ("CHILDINFO" ("SUBSCRIBED"))' if below and "SUBSCRIBED" in query.select else b""
    context.send(
        b'* LIST %b "/" %b%b\r\n'
        % (parenthesised(_attributes(query, entry)), mailbox_string(entry.name), info)
    )
    if query.status and entry.mailbox is not None and selected:
        context.send(await status_line(context, entry.mailbox, query.status))
    await context.breathe()


def _is_selected(query: ListQuery, entry: Entry) -> bool:
    if "SUBSCRIBED" in query.select and not entry.subscribed:
        return False
    return "SPECIAL-USE" not in query.select or (
        entry.mailbox is not None and bool(entry.mailbox.special_use)
    )


def _matches_below(query: ListQuery, entry: Entry) -> bool:
    return "SUBSCRIBED" in query.select and entry.subscribed_below


def _attributes(query: ListQuery, entry: Entry) -> list[bytes]:
    attributes = [] if entry.mailbox is not None else [b"\\NonExistent" if query.extended else b"\\Noselect"]
    attributes.append(b"\\HasChildren" if entry.children else b"\\HasNoChildren")
    if entry.subscribed and ("SUBSCRIBED" in query.returns or "SUBSCRIBED" in query.select):
        attributes.append(b"\\Subscribed")
    if entry.mailbox is not None and entry.mailbox.special_use:
        attributes.append(entry.mailbox.special_use.encode("ascii"))
    return attributes


async def list_subscribed(context: Context, query: ListQuery) -> Reply:
    """LSUB (RFC 3501 6.3.9): with `%`, a level above subscribed folders is told as \\Noselect."""
    pattern = Pattern(query.reference + query.patterns[0])
    deep = query.patterns[0].endswith("%")
    for entry in tree(await context.store.mailboxes(context.account_id)):
        if not pattern.matches(entry.name):
            continue
        if entry.subscribed:
            context.send(b'* LSUB () "/" %b\r\n' % mailbox_string(entry.name))
        elif deep and entry.subscribed_below:
            context.send(b'* LSUB (\\Noselect) "/" %b\r\n' % mailbox_string(entry.name))
    return ok("LSUB completed")
