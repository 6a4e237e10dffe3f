"""Reading HTML of strangers in bounded time and memory.

An HTML parser's work can grow with the square of its input: 200,000 nested elements kept nh3 busy for four
minutes, and unclosed formatting elements are repeated in every later paragraph. What is small is read in this
process; what is larger, in one of its own with limits that the kernel enforces. If those are reached, the words
remain.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from markupsafe import escape

from merpati.message import strip_html
from merpati.platform.telemetry import get_logger
from merpati_webmail import html_worker, sanitize, text_of_html
from merpati_webmail.sanitize import Cleaned

log = get_logger(__name__)

# With these, the worst input costs a quarter of a second; the common mail is below them.
_SMALL_TAGS = 1_500
_SMALL_LENGTH = 64 * 1024
_room = threading.BoundedSemaphore(2)


def clean(html: str, *, images: bool = False, inline: Mapping[str, str] | None = None) -> Cleaned:
    """`sanitize.clean`; `inline` gives the addresses of inline pictures by Content-ID. Blocks: not for the loop."""
    places = dict(inline or {})
    if _is_small(html):
        return sanitize.clean(html, images=images, inline=places.get)
    answer = _ask({"html": html[: sanitize.MAX_HTML + 1], "images": images, "inline": places})
    if answer is None:
        return Cleaned(f"<pre>{escape(_words(html))}</pre>", truncated=True)
    return Cleaned(answer["html"], answer["blocked"], answer["remote"], answer["truncated"])


def text(html: str) -> str:
    """`text_of_html.convert`. Blocks: not for the loop."""
    if _is_small(html):
        return text_of_html.convert(html)
    answer = _ask({"text": html[: text_of_html.MAX_HTML]})
    return _words(html) if answer is None else str(answer["text"])


def _is_small(html: str) -> bool:
    return len(html) <= _SMALL_LENGTH and html.count("<") <= _SMALL_TAGS


def _words(html: str) -> str:
    return strip_html(html[: sanitize.MAX_HTML]).strip()  # linear


def _ask(question: dict[str, Any]) -> dict[str, Any] | None:
    """The worker's answer, or None where it reached its limits."""
    with _room:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "merpati_webmail.html_worker"],
                input=json.dumps(question).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=2 * html_worker.SECONDS,
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            log.warning(
                "HTML not readable within its limits", size=len(str(question)), error=str(error)[:200]
            )
            return None
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
