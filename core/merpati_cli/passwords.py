"""How a password reaches a command: typed twice unseen, or on standard input; never as an argument."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from merpati_cli.problem import Problem

FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]


def ask(from_stdin: bool) -> str:
    """The password. Raises `Problem` where nobody can be asked."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Problem("nobody is here to type a password: use --password-stdin")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
