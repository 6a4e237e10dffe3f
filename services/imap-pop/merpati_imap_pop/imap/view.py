"""What one session has been told of its mailbox: sequence numbers, flags, and what it may not hear of yet.

A `Snapshot` is shared by all sessions and moves on; a client's message numbers move only when EXPUNGE
responses may be sent (RFC 9051 7.5.1). Between the two stands this view: it takes over a snapshot whole
where it can, and otherwise keeps expunged messages in their places.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merpati.store import Flag, Mailbox, Snapshot
from merpati_imap_pop.imap.wire.sequence import SequenceSet

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Changes:
    """What the client has to be told, in this order."""

    expunged: Sequence[int] = ()
    """Message numbers, each valid after the ones before it were removed."""
    exists: int | None = None
    """The new number of messages, if it changed otherwise."""
    flags: Sequence[int] = ()
    """Indexes of messages that were known and whose flags changed."""


NO_CHANGES = Changes()


class View:
    """A selected mailbox as its client sees it."""

    def __init__(self, snapshot: Snapshot, *, read_only: bool, recent_above: int) -> None:
        self.read_only = read_only
        self.recent_above = recent_above
        """Messages above this UID are \\Recent here: new ones since SELECT too, as we may be the first told."""
        self._claimed = snapshot.mailbox.uidnext - 1
        self.gone: set[int] = set()
        """UIDs expunged elsewhere that still have their numbers here."""
        self._adopt(snapshot)

    def _adopt(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.uids: array[int] = snapshot.uids
        self.flags: array[int] = snapshot.flags
        self.modseqs: array[int] = snapshot.modseqs
        self.keywords: Mapping[int, frozenset[str]] = snapshot.keywords

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox as of the last snapshot seen."""
        return self._snapshot.mailbox

    def __len__(self) -> int:
        return len(self.uids)

    # Asking

    def indexes(self, messages: SequenceSet, *, uid: bool) -> Sequence[int]:
        """Where the messages of a set stand, ascending; `WireError` for a number that does not exist."""
        return messages.uid_indexes(self.uids) if uid else messages.number_indexes(len(self.uids))

    def index(self, uid: int) -> int | None:
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def is_recent(self, uid: int) -> bool:
        return uid > self.recent_above

    def recent(self) -> int:
        """How many messages are \\Recent."""
        return len(self.uids) - bisect_right(self.uids, self.recent_above)

    @property
    def has_unclaimed_recent(self) -> bool:
        """Whether messages came since SELECT that a later session would take for \\Recent as well."""
        return not self.read_only and bool(self.uids) and self.uids[-1] > self._claimed

    def first_unseen(self) -> int | None:
        """The number of the first message without \\Seen."""
        seen = Flag.SEEN.value
        return next((number for number, flags in enumerate(self.flags, 1) if not flags & seen), None)

    def used_keywords(self) -> list[str]:
        """The keywords of the mailbox's messages, sorted; of two spellings, one."""
        spellings = {keyword.lower(): keyword for found in self.keywords.values() for keyword in found}
        return sorted(spellings.values())

    # Moving on

    def advance(self, snapshot: Snapshot, *, expunge: bool) -> Changes:
        """See `snapshot`; with `expunge`, numbers move too."""
        if snapshot.version == self._snapshot.version and not (expunge and self.gone):
            return NO_CHANGES
        count = len(self.uids)
        if not self.gone and len(snapshot) >= count and snapshot.uids[:count] == self.uids:
            changed = _differences(self.modseqs, snapshot.modseqs)
            self._adopt(snapshot)
            return Changes((), len(snapshot) if len(snapshot) > count else None, changed)
        if expunge:
            return self._advance_whole(snapshot)
        return self._advance_keeping(snapshot)

    def _advance_whole(self, snapshot: Snapshot) -> Changes:
        there = set(snapshot.uids)
        # From the highest number down, so that no number moves before it is used.
        expunged = [number for number in range(len(self.uids), 0, -1) if self.uids[number - 1] not in there]
        before = dict(zip(self.uids, self.modseqs, strict=True))
        known = len(self.uids) - len(expunged)
        self.gone.clear()
        self._adopt(snapshot)
        changed = [
            index
            for index, (uid, modseq) in enumerate(zip(self.uids, self.modseqs, strict=True))
            if before.get(uid, modseq) != modseq
        ]
        return Changes(expunged, len(self.uids) if len(self.uids) > known else None, changed)

    def _advance_keeping(self, snapshot: Snapshot) -> Changes:
        """Take over all but the disappearance of messages."""
        uids, flags, modseqs = self.uids[:], self.flags[:], self.modseqs[:]
        keywords = {uid: self.keywords[uid] for uid in self.gone if uid in self.keywords}
        last = uids[-1] if uids else 0
        new = bisect_right(snapshot.uids, last)
        changed: list[int] = []
        for index, uid in enumerate(uids):
            at = snapshot.index(uid)
            if at is None:
                self.gone.add(uid)
                if uid in self.keywords:
                    keywords[uid] = self.keywords[uid]
            elif snapshot.modseqs[at] != modseqs[index]:
                flags[index], modseqs[index] = snapshot.flags[at], snapshot.modseqs[at]
                changed.append(index)
        uids += snapshot.uids[new:]
        flags += snapshot.flags[new:]
        modseqs += snapshot.modseqs[new:]
        grown = len(uids) > len(self.uids)
        self._snapshot = snapshot
        self.uids, self.flags, self.modseqs = uids, flags, modseqs
        self.keywords = {**snapshot.keywords, **keywords}
        return Changes((), len(uids) if grown else None, changed)


def _differences(old: array[int], new: array[int]) -> list[int]:
    """Indexes within `old` at which the arrays differ; equal stretches are compared at C's speed."""
    found: list[int] = []
    if new[: len(old)] == old:
        return found
    for start in range(0, len(old), _CHUNK):
        before, after = old[start : start + _CHUNK], new[start : min(start + _CHUNK, len(old))]
        if before != after:
            found += [start + at for at in range(len(before)) if before[at] != after[at]]
    return found
