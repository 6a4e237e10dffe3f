"""HTML as text: what a reader of the plain view sees, and what an answer quotes."""

from __future__ import annotations

import re

import inscriptis

from merpati_webmail import sanitize

MAX_HTML = 400_000
"""Characters that are looked at."""


def convert(html: str) -> str:
    """The words of an HTML part, laid out as text."""
    cleaned = sanitize.clean(html[:MAX_HTML]).html
    if not cleaned.strip():
        return ""
    lines = inscriptis.get_text(f"<html><body>{cleaned}</body></html>").splitlines()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
