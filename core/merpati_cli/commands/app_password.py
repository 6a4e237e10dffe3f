"""`merpati app-password`: a password for each device."""

from __future__ import annotations

from typing import Annotated

import typer

from merpati_cli.api import Api
from merpati_cli.output import say, show_one, show_rows

app = typer.Typer(help="Passwords for single devices.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS")]


@app.command("list")
def list_app_passwords(address: Address) -> None:
    """An account's app passwords."""
    with Api() as api:
        show_rows(
            api.items("accounts", address, "app-passwords"),
            {"id": "Id", "name": "Name", "scopes": "Opens", "created_at": "Made", "last_used": "Last used"},
        )


@app.command()
def add(
    address: Address,
    name: Annotated[str, typer.Argument(help="Which device it is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="imap, pop3 or smtp; may be repeated. Default: all.")
    ] = None,
) -> None:
    """Generate one; it is shown this once."""
    body: dict[str, object] = {"name": name}
    if scope:
        body["scopes"] = scope
    with Api() as api:
        show_one(api.post("accounts", address, "app-passwords", body=body))


@app.command()
def delete(address: Address, number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Revoke one, and end the account's sessions."""
    with Api() as api:
        api.delete("accounts", address, "app-passwords", number)
    say(f"app password {number} of {address} revoked")
