"""The table of commands, and the options that may stand anywhere on the line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from merpati_cli.commands import account, alias, app_password, domain, queue, status, trace
from merpati_cli.output import complain, use_json
from merpati_cli.problem import Problem

app = typer.Typer(
    name="merpati",
    help="Looks after a Merpati mail server, through its REST API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(domain.app, name="domain")
app.add_typer(account.app, name="account")
app.add_typer(app_password.app, name="app-password")
app.add_typer(alias.app, name="alias")
app.add_typer(queue.app, name="queue")
app.command("trace")(trace.trace)
app.command("status")(status.status)

_ANYWHERE = {"--data": True, "--json": False}
"""Options of the whole command that may also come after a subcommand, and whether a value follows them."""


@app.callback()
def options(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The data directory of the server. Default: ./data")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """A server elsewhere is named by MERPATI_API_URL, with MERPATI_API_TOKEN (and MERPATI_API_CA)."""
    if data is not None:
        os.environ["MERPATI_DATA"] = str(data.absolute())
    use_json(json)


def main(arguments: Sequence[str]) -> int:
    """Run one command: 0 done, 1 refused by the server, 2 not understood or not reached."""
    line = options_first(arguments)
    if _command_of(line) in ("", "check"):
        _add_check()
    try:
        code = app(line, prog_name="merpati", standalone_mode=False)
    except Problem as problem:
        complain(str(problem))
        return problem.exit_code
    except typer.Abort:
        complain("stopped")
        return 130
    except Exception as error:
        return _usage(error)
    return code if isinstance(code, int) else 0


def _add_check() -> None:
    """The one command that touches the database and the files itself; it loads three times what all others do."""
    from merpati_cli.check import check

    app.command("check")(check)


def _command_of(line: Sequence[str]) -> str:
    """The first word that is no option (nor the value of one)."""
    words = iter(line)
    for word in words:
        if _ANYWHERE.get(word):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _usage(error: Exception) -> int:
    """Words that Typer did not understand; anything else is a fault and is shown whole."""
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    return int(getattr(error, "exit_code", 2))


def options_first(arguments: Sequence[str]) -> list[str]:
    """The same line with the options of `_ANYWHERE` at its beginning."""
    first: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word.partition("=")[0] in _ANYWHERE:
            first.append(word)
            if _ANYWHERE[word.partition("=")[0]] and "=" not in word:
                first += [value for value in (next(words, None),) if value is not None]
        else:
            rest.append(word)
    return first + rest
