"""Sizes as people write them: 500M, 2G, none."""

from __future__ import annotations

import re

import typer

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def parse_size(text: str) -> int | None:
    """Bytes; `default` is None (the server's own limit) and `none` 0 (no limit)."""
    if text == "default":
        return None
    if text == "none":
        return 0
    match = re.fullmatch(r"(\d{1,12})([KMGT]?)(?:I?B)?", text.strip().upper())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size: 500M, 2G, none, or default")
    return int(match[1]) * _UNITS[match[2]]


def show_size(size: int | None) -> str:
    """A size in the largest unit that keeps it readable."""
    if size is None:
        return "default"
    if size == 0:
        return "none"
    value, unit = float(size), ""
    for unit in _UNITS:
        if value < 1024 or unit == "T":
            break
        value /= 1024
    return f"{value:.4g}{unit}"
