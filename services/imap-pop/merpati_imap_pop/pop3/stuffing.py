"""Multi-line responses: dot-stuffing and the lines that TOP wants (RFC 1939 3 and 7). Pure."""

from __future__ import annotations

from merpati.message import header_end


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
        self._header = b""  # while its end has not come
        self._in_body = False
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """What of the next piece is wanted; `done` is set when nothing more will be."""
        if self._in_body:
            return self._body(piece)
        whole = self._header + piece
        end = header_end(whole, max(len(self._header) - 3, 0) if self._header else 0)
        if end == len(whole) and not whole.endswith((b"\n\r\n", b"\n\n")) and whole not in (b"\r\n", b"\n"):
            self._header = whole[-3:]
            return piece
        self._in_body = True
        return whole[len(self._header) : end] + self._body(whole[end:])

    def _body(self, piece: bytes) -> bytes:
        position = 0
        while self._left and position < len(piece):
            end = piece.find(b"\n", position)
            if end < 0:
                return piece
            position = end + 1
            self._left -= 1
        self.done = not self._left
        return piece[:position]
