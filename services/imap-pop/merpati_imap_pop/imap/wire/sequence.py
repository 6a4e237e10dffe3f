"""Sets of message numbers and UIDs: `2,4:7,9,12:*` (RFC 9051 9, sequence-set)."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from merpati_imap_pop.imap.wire.errors import WireError

STAR: Final = 0
"""`*` in a range: the largest number there is."""
_MAXIMUM = 2**32 - 1
_ITEM = re.compile(rb"([1-9]\d{0,9}|\*)(?::([1-9]\d{0,9}|\*))?")


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """As the client wrote it: ranges in its order, `STAR` for `*`."""

    ranges: tuple[tuple[int, int], ...]

    def resolve(self, maximum: int) -> list[tuple[int, int]]:
        """Ascending ranges without overlap, `*` being `maximum`."""
        pairs = ((low or maximum, high or maximum) for low, high in self.ranges)
        ordered = sorted((min(pair), max(pair)) for pair in pairs)
        merged: list[tuple[int, int]] = []
        for low, high in ordered:
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    def uid_indexes(self, uids: array[int]) -> Sequence[int]:
        """Where the UIDs of this set stand in `uids`; UIDs that do not exist are no error (RFC 9051 6.4.9)."""
        if not uids:
            return ()
        spans = [
            range(bisect_left(uids, low), bisect_right(uids, high)) for low, high in self.resolve(uids[-1])
        ]
        return spans[0] if len(spans) == 1 else [index for span in spans for index in span]

    def number_indexes(self, count: int) -> Sequence[int]:
        """Where these message numbers stand.

        Raises `WireError` for a number that does not exist, as RFC 9051 9 (seq-number) demands.
        """
        if count == 0:
            raise WireError("The mailbox is empty")
        spans = self.resolve(count)
        if spans[-1][1] > count:
            raise WireError("There is no message of that number")
        if len(spans) == 1:
            return range(spans[0][0] - 1, spans[0][1])
        return [index for low, high in spans for index in range(low - 1, high)]


def parse(text: bytes) -> SequenceSet:
    """Raises `WireError` where `text` is no sequence-set."""
    return SequenceSet(tuple(map(_range, text.split(b","))))


def _range(item: bytes) -> tuple[int, int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise WireError("Invalid message set")
    first = _number(match[1])
    return first, first if match[2] is None else _number(match[2])


def _number(text: bytes) -> int:
    number = STAR if text == b"*" else int(text)
    if number > _MAXIMUM:
        raise WireError("Number is too large")
    return number


def compress(numbers: Iterable[int]) -> bytes:
    """Numbers in the shortest set that keeps their order: `1,2,3,7` -> `1:3,7`."""
    spans: list[tuple[int, int]] = []
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            spans.append((first, last))
        first = last = number
    if first >= 0:
        spans.append((first, last))
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in spans)
