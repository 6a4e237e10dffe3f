"""What commands print: tables for people, JSON for scripts, and nothing that moves a terminal's cursor."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_FILE_WIDTH = 240  # of what is no terminal


@dataclass(slots=True)
class _Mode:
    json: bool = False


_mode = _Mode()


def use_json(on: bool) -> None:
    """Print JSON from now on."""
    _mode.json = on


def is_json() -> bool:
    return _mode.json


def console() -> Console:
    """Standard output, without Rich's markup: the text is other people's."""
    return Console(
        width=None if sys.stdout.isatty() else _FILE_WIDTH, markup=False, highlight=False, emoji=False
    )


def show_rows(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """A table whose columns are `key: title`; as JSON, everything."""
    found = list(rows)
    if _mode.json:
        show_json(found)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in columns.values():
        table.add_column(title, overflow="fold")
    for row in found:
        table.add_row(*(Text(shown(row.get(key))) for key in columns))
    show_table(table)


def show_one(thing: Mapping[str, Any]) -> None:
    """Names and values of one thing."""
    if _mode.json:
        show_json(thing)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in thing.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), Text(shown(value)))
    show_table(table)


def show_table(table: Table) -> None:
    """A table without the spaces with which Rich fills its lines: they would be copied and compared."""
    out = console()
    with out.capture() as drawn:
        out.print(table)
    for line in drawn.get().splitlines():
        print(line.rstrip())


def show_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """A line for people; scripts look at the exit code."""
    if not _mode.json:
        console().print(Text(printable(text)), soft_wrap=True)


def complain(text: str) -> None:
    print(f"merpati: {printable(text)}", file=sys.stderr)


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shown, value))
    return printable(moment(value) if isinstance(value, str) else str(value))


def moment(text: str) -> str:
    """A time of the API in the local zone; other text as it is."""
    if len(text) < 20 or text[4:5] != "-" or text[10:11] != "T":
        return text
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def printable(text: str) -> str:
    """Text without control characters: a remote server's reply must not write on our terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\ufffd" for character in text
    )
