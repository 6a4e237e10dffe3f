"""`merpati alias`: addresses that lead to others."""

from __future__ import annotations

from typing import Annotated

import typer

from merpati_cli.api import Api
from merpati_cli.output import say, show_one, show_rows

app = typer.Typer(help="Addresses that lead to others.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="ALIAS")]
Targets = Annotated[list[str], typer.Argument(metavar="TARGET...", help="Addresses, here or elsewhere.")]


@app.command("list")
def list_aliases(domain: Annotated[str | None, typer.Option(help="Only this domain's.")] = None) -> None:
    """All aliases."""
    with Api() as api:
        show_rows(
            api.items("addresses", kind="alias", domain=domain, limit=500),
            {"address": "Alias", "targets": "Leads to"},
        )


@app.command()
@app.command("create", hidden=True)  # the word of the REST API
def add(alias: Name, targets: Targets) -> None:
    """Make an alias."""
    with Api() as api:
        show_one(api.post("addresses", body={"address": alias, "kind": "alias", "targets": targets}))


@app.command()
def show(alias: Name) -> None:
    """One alias."""
    with Api() as api:
        show_one(api.get("addresses", alias))


@app.command()
def change(alias: Name, targets: Targets) -> None:
    """Lead an alias elsewhere."""
    with Api() as api:
        show_one(api.patch("addresses", alias, body={"targets": targets}))


@app.command()
def delete(alias: Name) -> None:
    """Delete an alias."""
    with Api() as api:
        api.delete("addresses", alias)
    say(f"{alias} deleted")
