"""`docs/settings.md`, written from the settings themselves: name, default and description of each, by section."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from merpati.platform.settings import Settings

_HEAD = """\
# Settings

Each is an environment variable, or a line `NAME=value` in `merpati.env` in the data directory; the environment
wins. Sizes are bytes, times are seconds, lists are separated by spaces or commas. A running service keeps what it
started with: stop and start Merpati after a change.

This page is written by `python -m merpati.platform.settings`.
"""

_TAIL = """
## The launcher's own

Read by `./merpati` itself, from the environment alone.

| setting | what it is |
|---|---|
| `MERPATI_VENV` | A Python environment to use as it is, in place of the `.venv` that the launcher makes. |
| `MERPATI_POSTGRES_BIN` | The directory of `postgres` and `initdb`, in place of the wheel's. |
| `MERPATI_VALKEY_SERVER` | A `valkey-server` or `redis-server`, in place of the wheel's. |
"""


def page() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(_section(title, names) for title, names in _sections()) + _TAIL


def _section(title: str, names: list[str]) -> str:
    rows = "".join(map(_row, names))
    return f"\n## {title}\n\n| setting | default | what it is |\n|---|---|---|\n{rows}"


def _sections() -> Iterator[tuple[str, list[str]]]:
    """The comments that head groups of settings in the class, with the names below each."""
    title, names = "", list[str]()
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.fullmatch(r"    # ([A-Z].*)", line):
            if names:
                yield title, names
            title, names = heading[1], []
        elif (field := re.match(r"    (\w+): .*=", line)) and field[1] in Settings.model_fields:
            names.append(field[1])
    yield title, names


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    return f"| `MERPATI_{name.upper()}` | {_default(field)} | {_description(field)} |\n"


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) and value < 1e6 else f"`{value}`"


def _description(field: FieldInfo) -> str:
    text = field.description or ""
    if get_origin(field.annotation) is Literal:
        text += f" One of {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."
    return text.replace("|", "\\|")
