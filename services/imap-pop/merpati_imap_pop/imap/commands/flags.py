"""Flags between the wire's names and the store's masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from merpati.store import NO_FLAGS, Flag
from merpati_imap_pop.imap.responses import Bad, No
from merpati_imap_pop.imap.view import View

SYSTEM: Final[dict[str, Flag]] = {
    "\\answered": Flag.ANSWERED,
    "\\flagged": Flag.FLAGGED,
    "\\deleted": Flag.DELETED,
    "\\seen": Flag.SEEN,
    "\\draft": Flag.DRAFT,
}
SYSTEM_NAMES: Final = rb"\Answered \Flagged \Deleted \Seen \Draft"
KEYWORDS_LIMIT: Final = 64
"""Keywords in one command."""
KEYWORD_LENGTH: Final = 100

_RECENT = 32
# The text of every combination, \Recent being the sixth bit.
_TEXTS: Final = tuple(
    b" ".join(
        [name.encode() for name in SYSTEM_NAMES.decode().split() if mask & SYSTEM[name.lower()]]
        + ([rb"\Recent"] if mask & _RECENT else [])
    )
    for mask in range(64)
)


def texts(*, recent: bool) -> tuple[bytes, ...]:
    """By mask: what stands between the parentheses of FLAGS for a message without keywords."""
    return _TEXTS[_RECENT:] if recent else _TEXTS[:_RECENT]


def render(mask: int, keywords: Iterable[str] = (), *, recent: bool = False) -> bytes:
    text = _TEXTS[mask | _RECENT if recent else mask]
    words = [keyword.encode("ascii") for keyword in sorted(keywords)]
    return b" ".join([text, *words] if text else words) if words else text


def of_message(view: View, index: int) -> bytes:
    """The flags of a message, as they stand in a FETCH response."""
    uid = view.uids[index]
    return render(view.flags[index], view.keywords.get(uid, ()), recent=view.is_recent(uid))


def parse(names: Iterable[str], known: Iterable[str] = ()) -> tuple[Flag, frozenset[str]]:
    """Mask and keywords of the flags a client gives; of keywords in `known`, their spelling there.

    \\Recent is passed over: clients copy it from what they fetched.
    """
    mask = NO_FLAGS
    spellings = {keyword.lower(): keyword for keyword in known}
    keywords: set[str] = set()
    for name in names:
        folded = name.lower()
        if folded in SYSTEM:
            mask |= SYSTEM[folded]
        elif not name.startswith("\\"):
            keywords.add(spellings.setdefault(folded, name))
        elif folded != "\\recent":
            raise Bad(f"Unknown system flag {name}")
    if len(keywords) > KEYWORDS_LIMIT or any(len(keyword) > KEYWORD_LENGTH for keyword in keywords):
        raise No("Too many or too long keywords", b"LIMIT")
    return mask, frozenset(keywords)
