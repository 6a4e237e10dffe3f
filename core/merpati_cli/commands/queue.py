"""`merpati queue`: mail on its way out, or put off."""

from __future__ import annotations

from typing import Annotated

import typer

from merpati_cli.api import Api
from merpati_cli.output import say, show_one, show_rows

app = typer.Typer(help="Mail on its way out, or put off.", no_args_is_help=True)

Numbers = Annotated[list[int], typer.Argument(metavar="ID...")]


@app.command("list")
def list_queue(
    sender: Annotated[str | None, typer.Option(help="Only from this address.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Only to this address.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only to this domain.")] = None,
) -> None:
    """What waits, oldest first."""
    with Api() as api:
        show_rows(
            api.items("queue", sender=sender, recipient=recipient, domain=domain, limit=500),
            {
                "id": "Id",
                "state": "State",
                "sender": "From",
                "recipient": "To",
                "attempts": "Tries",
                "next_at": "Next try",
                "last_reply": "Last reply",
            },
        )


@app.command()
def show(number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """One entry."""
    with Api() as api:
        show_one(api.get("queue", number))


@app.command()
def retry(numbers: Numbers) -> None:
    """Try entries now."""
    _steer(numbers, "retry", "will be tried now")


@app.command()
def hold(numbers: Numbers) -> None:
    """Keep entries from being tried until they are released."""
    _steer(numbers, "hold", "held")


@app.command()
def release(numbers: Numbers) -> None:
    """Let held entries go on."""
    _steer(numbers, "release", "released")


@app.command()
def delete(numbers: Numbers, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Drop entries; their senders are told nothing."""
    if not yes:
        typer.confirm(f"Delete {len(numbers)} from the queue?", abort=True, err=True)
    with Api() as api:
        for number in numbers:
            api.delete("queue", number)
            say(f"{number} deleted")


def _steer(numbers: list[int], action: str, done: str) -> None:
    with Api() as api:
        for number in numbers:
            api.post("queue", number, action)
            say(f"{number} {done}")
