"""Reads a file in the form of /etc/aliases (aliases(5) of Postfix and Sendmail)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ENTRY = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s:#"]+)\s*:(.*)', re.DOTALL)
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s,"]+)')


def parse(text: str) -> dict[str, list[str]]:
    """Each name with its values, as written; a name that comes again takes the place of the first."""
    found: dict[str, list[str]] = {}
    for line in _logical_lines(text):
        match = _ENTRY.fullmatch(line)
        if match is not None:
            found[match[1].strip('"').lower()] = [quoted or bare for quoted, bare in _VALUE.findall(match[2])]
    return found


def is_address(value: str) -> bool:
    """Whether a value names somebody; commands, files and lists of another file do not."""
    return not value.startswith(("|", "/", ":include:", "\\|"))


def _logical_lines(text: str) -> Iterator[str]:
    """Lines with their continuations (which begin with white space), without comments and empty ones."""
    current = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace() and current:
            current += " " + line.strip()
            continue
        if current:
            yield current
        current = line
    if current:
        yield current
