"""UIDs as ranges: how sets of messages travel to Postgres and stand in the change log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

EVERYTHING = ([1], [2**62])
"""The ranges that hold every UID."""


def ranges(uids: Iterable[int]) -> tuple[list[int], list[int]]:
    """Lows and highs of the runs in `uids`, ascending, not overlapping."""
    lows: list[int] = []
    highs: list[int] = []
    for uid in sorted(set(uids)):
        if highs and highs[-1] + 1 == uid:
            highs[-1] = uid
        else:
            lows.append(uid)
            highs.append(uid)
    return lows, highs


def parse_set(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of an IMAP sequence-set as the change log holds it: ascending, without `*`."""
    for part in text.split(","):
        low, _, high = part.partition(":")
        yield int(low), int(high or low)
