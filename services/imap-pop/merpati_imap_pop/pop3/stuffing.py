"""Multi-line responses: dot-stuffing and the lines that TOP wants (RFC 1939 3 and 7). Pure."""

from __future__ import annotations


class Stuffer:
    """Stuffs a message that comes in pieces; `finish` gives the end of the response."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the last two octets sent: a message begins at the start of a line

    def feed(self, piece: bytes) -> bytes:
        """The piece as it is sent."""
        if not piece:
            return b""
        # Behind a lone LF too: some clients take it for the end of a line, and of the message.
        stuffed = piece.replace(b"\n.", b"\n..")
        if self._tail.endswith(b"\n") and piece.startswith(b"."):
            stuffed = b"." + stuffed
        self._tail = (self._tail + piece)[-2:]
        return stuffed

    def finish(self) -> bytes:
        """The final line, behind the line end that the message may lack."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"


class Top:
    """Lets the header, the empty line and so many lines of the body pass."""

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._in_body = False
        self._empty = True  # nothing of the current line has come yet
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """What of the next piece is wanted; `done` is set when nothing more will be."""
        position = 0
        while position < len(piece) and not self.done:
            end = piece.find(b"\n", position)
            if end < 0:
                self._empty = self._empty and piece[position:] == b"\r"
                return piece
            self._end_line(self._empty and piece[position:end] in (b"", b"\r"))
            position = end + 1
        return piece[:position]

    def _end_line(self, empty: bool) -> None:
        if self._in_body:
            self._left -= 1
        elif empty:
            self._in_body = True
        self._empty = True
        self.done = self._in_body and self._left <= 0
