"""The command line of `./merpati`: what the launcher does itself, and what it hands on to merpati_cli."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from merpati_launcher import installation
from merpati_launcher.errors import Refused
from merpati_launcher.output import complain

_ABOUT = """\
A company's own mail server.

  ./merpati up --demo        start everything with two people to try it with
  ./merpati status           what is running
  ./merpati down             stop it
  ./merpati domain|account|alias|queue|trace|check ...
                             look after it; --help after each says more
  ./merpati test [...]       run all tests (arguments go to pytest)
  ./merpati bench [...]      measure it beside Postfix and Dovecot
"""


def main(arguments: Sequence[str], *, inside: bool = False) -> int:
    """Run one command, `inside` the environment or before it; a `Refused` is one line and exit code 2."""
    try:
        return _dispatch(list(arguments), inside)
    except Refused as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


def _dispatch(arguments: list[str], inside: bool) -> int:
    command = arguments[0] if arguments else "--help"
    if command in ("--help", "-h", "help"):
        print(_ABOUT, end="")
        return 0
    if command == "up":
        return _up(arguments[1:], inside)
    if command == "down":
        from merpati_launcher import control

        return control.down(_parser(command).parse_args(arguments[1:]).data)
    if command == "status":
        return _status(arguments)
    if command == "test":
        from merpati_launcher import testing

        return testing.test(arguments[1:])
    if command == "bench":
        from merpati_launcher import testing

        return testing.bench(arguments[1:])
    return _hand_on(arguments)


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"merpati {command}", allow_abbrev=False)
    data = _absolute(os.environ.get("MERPATI_DATA") or "data")
    parser.add_argument(
        "--data", metavar="DIR", type=_absolute, default=data, help="the data directory (default: ./data)"
    )
    return parser


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _up(arguments: list[str], inside: bool) -> int:
    from merpati_launcher.config import Options

    parser = _parser("up")
    parser.add_argument("--host", help="addresses to listen on (default: 127.0.0.1)")
    parser.add_argument("--port-offset", metavar="N", type=int, default=0, help="add N to every port")
    parser.add_argument("--detach", action="store_true", help="come back when all is ready")
    parser.add_argument("--demo", action="store_true", help="make example.com with tito and iqbal")
    parser.add_argument("--user", metavar="NAME", help="as root: the user to run as")
    options = Options(**vars(parser.parse_args(arguments)))
    if not inside:
        interpreter = installation.ensure()
        words = [str(interpreter), "-P", "-m", "merpati_launcher", "up", *arguments]
        os.execv(interpreter, words)  # noqa: S606 - there is no shell to want
    from merpati_launcher.up import up

    return up(options)


def _status(arguments: list[str]) -> int:
    """The processes, which the launcher knows; then what the server says of itself over the REST API."""
    from merpati_launcher import control

    if "--json" not in arguments:
        code = control.status(_parser("status").parse_args(arguments[1:]).data)
        if code:
            return code
    return _hand_on(arguments)


def _hand_on(arguments: list[str]) -> int:
    """Everything else is merpati_cli's, which speaks to the REST API."""
    from merpati_launcher.record import Record

    interpreter = installation.ensure()
    data = _data_of(arguments)
    record = Record.read(data)
    # `check` opens sockets whose place only the launcher knows where the data directory's path is long.
    environment = (dict(record.environment) if record else {}) | os.environ | {"MERPATI_DATA": str(data)}
    words = [str(interpreter), "-P", "-m", "merpati_cli", *arguments]
    os.execve(interpreter, words, environment)  # noqa: S606 - there is no shell to want


def _data_of(arguments: list[str]) -> Path:
    """The data directory that a command for merpati_cli speaks of."""
    for number, word in enumerate(arguments):
        if word == "--data" and number + 1 < len(arguments):
            return _absolute(arguments[number + 1])
        if word.startswith("--data="):
            return _absolute(word.removeprefix("--data="))
    return _absolute(os.environ.get("MERPATI_DATA") or "data")
