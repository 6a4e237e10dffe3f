"""SEARCH's first step: what the view alone can say, for all messages at once.

A mask has one octet a message, 0 or 1, and is kept as one big integer, so that AND, OR and NOT of a
whole folder take microseconds. What needs rows or files is unknown here, so every key has two masks.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from dataclasses import dataclass
from functools import reduce

from merpati_imap_pop.imap.commands.flags import SYSTEM
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.search_keys import (
    All,
    AllOf,
    AnyOf,
    HasFlag,
    Key,
    ModifiedSince,
    Not,
    Numbers,
)


@dataclass(frozen=True, slots=True)
class Masks:
    """Messages that fit for `sure`, and that fit for `maybe` (which includes the sure ones)."""

    sure: int
    maybe: int


class Masker:
    """Evaluates keys over one view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._count = len(view)
        self._ones = self._number(b"\1" * self._count)

    @staticmethod
    def _number(mask: bytes | bytearray) -> int:
        return int.from_bytes(mask, "little")

    def octets(self, mask: int) -> bytes:
        """One octet a message."""
        return mask.to_bytes(self._count, "little")

    def evaluate(self, key: Key) -> Masks:
        if isinstance(key, Not):
            inner = self.evaluate(key.key)
            return Masks(self._ones ^ inner.maybe, self._ones ^ inner.sure)
        if isinstance(key, AllOf):
            return reduce(
                lambda a, b: Masks(a.sure & b.sure, a.maybe & b.maybe), map(self.evaluate, key.keys)
            )
        if isinstance(key, AnyOf):
            return reduce(
                lambda a, b: Masks(a.sure | b.sure, a.maybe | b.maybe), map(self.evaluate, key.keys)
            )
        known = self._known(key)
        return Masks(0, self._ones) if known is None else Masks(known, known)

    def _known(self, key: Key) -> int | None:
        """The mask of a key that the view decides."""
        if isinstance(key, All):
            return self._ones
        if isinstance(key, HasFlag):
            return self._flag(key.flag.lower())
        if isinstance(key, Numbers):
            return self._numbers(key)
        if isinstance(key, ModifiedSince):
            return self._number(bytes(modseq >= key.modseq for modseq in self._view.modseqs))
        return None

    def _flag(self, name: str) -> int:
        if name in SYSTEM:
            return self._number(self._masks().translate(_tables(SYSTEM[name].value)))
        mask = bytearray(self._count)
        if name == "\\recent":
            first = bisect_right(self._view.uids, self._view.recent_above)
            mask[first:] = b"\1" * (self._count - first)
        else:
            for uid, keywords in self._view.keywords.items():
                index = self._view.index(uid)
                if index is not None and any(keyword.lower() == name for keyword in keywords):
                    mask[index] = 1
        return self._number(mask)

    def _masks(self) -> bytes:
        """The flags of all messages, an octet each: they fit in the low one of the array's two."""
        return self._view.flags.tobytes()[0 if sys.byteorder == "little" else 1 :: 2]

    def _numbers(self, key: Numbers) -> int:
        mask = bytearray(self._count)
        for index in self._view.indexes(key.messages, uid=key.uid):
            mask[index] = 1
        return self._number(mask)


def _tables(bit: int) -> bytes:
    return bytes(1 if mask & bit else 0 for mask in range(256))
