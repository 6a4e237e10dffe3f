"""The README's and the docs' commands exist as they are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from merpati_cli.app import app

_ROOT = Path(__file__).parents[3]
_OTHERS = {"up", "down", "status", "test", "bench", "check"}
"""Commands of the launcher, and the one that is added when it is asked for: their own tests run them."""


def _commands() -> set[tuple[str, ...]]:
    """Each `./merpati GROUP COMMAND` or `./merpati COMMAND` in a page."""
    pages = [_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")]
    found = (re.findall(r"\./merpati ([a-z-]+)(?: ([a-z-]+))?", page.read_text()) for page in pages)
    return {words for page in found for words in page if words[0] not in _OTHERS}


@pytest.mark.parametrize("words", sorted(_commands()), ids=" ".join)
def test_a_command_of_the_pages_exists(words: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for word in words:
        commands = getattr(command, "commands", None)
        if commands is None:
            return  # what follows is an argument
        assert word in commands
        command = commands[word]
