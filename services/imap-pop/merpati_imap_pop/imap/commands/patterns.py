"""Mailbox patterns of LIST: `*` is anything, `%` anything within one level (RFC 9051 6.3.9.1)."""

from __future__ import annotations


class Pattern:
    """One pattern. Matching takes length of name times length of pattern, whatever the wildcards."""

    def __init__(self, text: str) -> None:
        head, slash, rest = text.partition("/")
        self._text = "INBOX" + slash + rest if head.upper() == "INBOX" else text

    def matches(self, name: str) -> bool:
        """Whether all of `name` fits: the set of places in the pattern that can be reached moves along."""
        text = self._text
        places = self._spread({0})
        for char in name:
            moved: set[int] = set()
            for place in places:
                if place == len(text):
                    continue
                sign = text[place]
                if sign == "*" or (sign == "%" and char != "/"):
                    moved.add(place)
                elif sign == char:
                    moved.add(place + 1)
            places = self._spread(moved)
            if not places:
                return False
        return len(text) in places

    def _spread(self, places: set[int]) -> set[int]:
        """Add the places behind wildcards, which may match nothing."""
        spread = set(places)
        for place in places:
            while place < len(self._text) and self._text[place] in "*%":
                place += 1
                spread.add(place)
        return spread
