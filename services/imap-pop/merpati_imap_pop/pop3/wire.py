"""POP3's syntax: bytes -> lines -> a keyword and its arguments. Pure; only `WireError` escapes."""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

LINE_LIMIT: Final = 12_288
"""Octets of a line. RFC 2449 4 gives commands 255; SASL messages are longer (RFC 4954 4 names this figure)."""
MAX_NUMBER: Final = 0xFFFF_FFFF


class WireError(Exception):
    """The client's line is not POP3; the text says why."""


class Overlong:
    """Stands for a line above the limit, whose octets were dropped."""


Line = bytes | Overlong


class Command(NamedTuple):
    """A command line: the keyword in capitals, and what follows the first blank, as sent."""

    keyword: str
    arguments: bytes


class LineReader:
    """Takes lines out of a buffer that the connection fills; memory stays below the limit."""

    def __init__(self) -> None:
        self._scanned = 0
        self._dropping = False

    def take(self, buffer: bytearray) -> Line | None:
        """Remove the first line and return it without its end (CRLF, or the LF of careless clients)."""
        end = buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if self._scanned > LINE_LIMIT:
                self._dropping = True
            if self._dropping:
                buffer.clear()
                self._scanned = 0
            return None
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        self._scanned = 0
        if self._dropping or len(line) > LINE_LIMIT:
            self._dropping = False
            return Overlong()
        return line[:-1] if line.endswith(b"\r") else line


def parse_command(line: bytes) -> Command:
    """Split a command line (RFC 1939 3: keywords are three or four letters, STLS, CAPA and AUTH among them)."""
    keyword, _, arguments = line.partition(b" ")
    if not keyword.isalpha() or not keyword.isascii() or len(keyword) > 10:
        raise WireError("Not a command")
    return Command(keyword.decode("ascii").upper(), arguments)


# The forms that arguments have: each reads `Command.arguments`.


def nothing(arguments: bytes) -> None:
    if arguments.strip():
        raise WireError("No arguments expected")


def text(arguments: bytes) -> bytes:
    """A name or a password: all that follows, blanks included (RFC 1939 7, PASS)."""
    if not arguments:
        raise WireError("Argument missing")
    return arguments


def number(arguments: bytes) -> int:
    """A message number."""
    digits = arguments.strip()
    if not digits.isdigit() or len(digits) > 10 or int(digits) > MAX_NUMBER:
        raise WireError("Message number expected")
    return int(digits)


def optional_number(arguments: bytes) -> int | None:
    return number(arguments) if arguments.strip() else None


def number_and_count(arguments: bytes) -> tuple[int, int]:
    """TOP's message number and number of lines."""
    pieces = arguments.split()
    if len(pieces) != 2:
        raise WireError("Message number and number of lines expected")
    return number(pieces[0]), number(pieces[1])


def mechanism(arguments: bytes) -> tuple[str, bytes | None]:
    """AUTH's mechanism and initial response (RFC 5034 4); '' where neither was given."""
    pieces = arguments.split()
    if len(pieces) > 2:
        raise WireError("Mechanism and initial response expected")
    name = pieces[0].decode("ascii", "replace").upper() if pieces else ""
    if len(pieces) < 2:
        return name, None
    return name, b"" if pieces[1] == b"=" else sasl_data(pieces[1])


def sasl_data(line: bytes) -> bytes:
    """A client's base64 SASL message."""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise WireError("Invalid base64") from error
