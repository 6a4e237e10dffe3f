"""The process in which large HTML of strangers is read: one question on stdin, one answer on stdout, hard limits.

Imports little: it is started for each question.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from merpati_webmail import sanitize

SECONDS = 3
"""Processor time; the one who asks waits twice as long."""
_MEMORY = 1024**3


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """`text` asks for the words, `html` for what may be shown."""
    if "text" in question:
        from merpati_webmail import text_of_html  # its parser is only wanted here

        return {"text": text_of_html.convert(question["text"])}
    cleaned = sanitize.clean(question["html"], images=question["images"], inline=question["inline"].get)
    return {name: getattr(cleaned, name) for name in ("html", "blocked", "remote", "truncated")}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
