"""What a FETCH reads, and how it writes a message: made once for a command, used for each message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.commands.items import PLACE, Found, Message, Value, locator, source
from merpati_imap_pop.imap.wire.fetch_items import Item, Section


class Plan:
    """The columns to read, and a template around what the items say."""

    def __init__(self, items: Sequence[Item]) -> None:
        sources = [source(item) for item in items]
        self.columns = tuple(dict.fromkeys(["uid", *(name for one in sources for name in one.columns)]))
        self.content = any(one.content for one in sources)
        self.tells_flags = "FLAGS" in items
        positions = {column: at for at, column in enumerate(self.columns)}
        self.place = [positions[column] for column in PLACE] if self.content else []
        self._templates = [one.template for one in sources]
        self._template = b"* %d FETCH (" + b" ".join(self._templates) + b")\r\n"
        self._values = [
            _column(positions[one.columns[0]]) if one.value is None else one.value(positions)
            for one in sources
        ]
        self._sections = [
            item if isinstance(item, Section) and one.content else None
            for item, one in zip(items, sources, strict=True)
        ]
        self.plain = all(one.value is None for one in sources)
        """Whether a line is only columns: then no `Message` is needed."""
        self._columns = [positions[one.columns[0]] for one in sources] if self.plain else []
        self.looks_inside = any(section and (section.part or section.text) for section in self._sections)
        """Whether a section has to be found in the message's bytes."""

    def place_of(self, message: Message) -> tuple[str, str, int]:
        """Where the message's file is."""
        directory, base, mirrored, _ = (message.row[at] for at in self.place)
        return directory, base, mirrored

    def plain_line(self, number: int, row: Sequence[Any]) -> bytes:
        return self._template % (number, *[row[at] for at in self._columns])

    def line(self, message: Message, *, seen: bool) -> bytes:
        line = self._template % (message.index + 1, *[value(message) for value in self._values])
        return line if not seen else line[:-3] + self.ending(message, seen=seen)

    def ending(self, message: Message, *, seen: bool) -> bytes:
        """The end of a line, with the flags of a message that this FETCH has made \\Seen."""
        if seen and not self.tells_flags:
            return b" FLAGS (%b))\r\n" % flags.of_message(message.view, message.index)
        return b")\r\n"

    def pieces(self, message: Message) -> list[tuple[bytes, Found]]:
        """The items of a large message: text to send, and the span of its file that follows."""
        found: list[tuple[bytes, Found]] = []
        for template, value, section in zip(self._templates, self._values, self._sections, strict=True):
            if section is None:
                found.append((template % value(message), None))
                continue
            part = locator(section)(message)
            if part is None:
                found.append((section.label + b" NIL", None))
            else:
                size = len(part) if isinstance(part, bytes) else part[1] - part[0]
                found.append((b"%b {%d}\r\n" % (section.label, size), part))
        return found


def _column(at: int) -> Value:
    return lambda message: message.row[at]
