"""Plain-text transcripts of a protocol: how one is written, and what a line of it expects.

    service: imap                             which server (tests/protocol/services.py)
    rfc: RFC 9051 6.3.2                       what it shows
    setup: account tito@example.com secret    run before, in order (tests/protocol/world.py)
    setup: message tito@example.com INBOX simple.eml \\Seen

    C: a1 SELECT INBOX       the client sends this line
    C- abc\\x00\\r\\n           ... or exactly these octets (\\r \\n \\t \\\\ \\xNN)
    S: * 1 EXISTS            the server's next line is this
    S* * 1 EXISTS            ... or: lines that stand side by side come in any order
    S~ a1 OK {{*}}           ... or: any lines up to and with this one
    TLS                      handshake now
    CLOSE                    the client says that it will send no more
    END                      the server closes the connection
    2C: NOOP                 the same on a second (third ...) connection

`{{*}}` is any text, `{{\\d+}}` a regular expression, `{{uid=\\d+}}` remembers what it met and `{{$uid}}` stands for
it later, in C lines too. Lines that begin with # are comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(r"(\d?)(C:|C-|S:|S\*|S~|TLS|CLOSE|END)(?: (.*))?")
_HOLE = re.compile(r"\{\{(.*?)\}\}")
_NAMED = re.compile(r"(\w+)=(.*)")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))")
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


@dataclass(frozen=True)
class Step:
    """One line: on which connection, what kind, its text, and where it stands."""

    connection: str
    kind: str
    text: str
    number: int


@dataclass
class Transcript:
    """A whole file."""

    path: Path
    header: dict[str, str] = field(default_factory=dict)
    setup: list[list[str]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def service(self) -> str:
        return self.header["service"]


def read(path: Path) -> Transcript:
    """Raises `ValueError`, naming the line, where the file is not a transcript."""
    transcript = Transcript(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is not None:
            connection, kind, text = match.groups()
            transcript.steps.append(Step(connection or "1", kind, text or "", number))
            continue
        name, colon, value = line.partition(":")
        if transcript.steps or not colon or name not in ("service", "rfc", "setup"):
            raise ValueError(f"{path}:{number}: not a line of a transcript: {line!r}")
        if name == "setup":
            transcript.setup.append(value.split())
        else:
            transcript.header[name] = value.strip()
    if not {"service", "rfc"} <= transcript.header.keys():
        raise ValueError(f"{path}: names no service or RFC")
    return transcript


def octets(text: str) -> bytes:
    """The octets that a `C-` line means."""

    def one(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPES[match[2]]

    return _ESCAPE.sub(one, text).encode("latin-1")


def fill(text: str, remembered: dict[str, str]) -> str:
    """`text` of a C line with `{{$name}}` replaced."""
    return _HOLE.sub(lambda match: remembered[match[1].removeprefix("$")], text)


def matches(text: str, line: str, remembered: dict[str, str]) -> bool:
    """Whether the server's `line` is what `text` expects; what its holes name is then remembered."""
    pattern, names = "", []
    for index, piece in enumerate(_HOLE.split(text)):
        if index % 2 == 0:
            pattern += re.escape(piece)
        elif piece == "*":
            pattern += ".*"
        elif piece.startswith("$"):
            pattern += re.escape(remembered[piece[1:]])
        elif named := _NAMED.fullmatch(piece):
            names.append(named[1])
            pattern += f"(?P<{named[1]}>{named[2]})"
        else:
            pattern += f"(?:{piece})"
    match = re.fullmatch(pattern, line, re.DOTALL)
    if match is not None:
        remembered.update({name: match[name] for name in names})
    return match is not None
