"""`merpati domain`: the domains whose mail ends here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from merpati_cli.api import Api
from merpati_cli.output import say, show_one, show_rows

app = typer.Typer(help="The domains whose mail ends here.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="DOMAIN")]


@app.command("list")
def list_domains(search: Annotated[str | None, typer.Option(help="Part of the name.")] = None) -> None:
    """All domains."""
    with Api() as api:
        show_rows(
            api.items("domains", search=search, limit=500),
            {
                "name": "Domain",
                "accounts": "Accounts",
                "aliases": "Aliases",
                "contact": "Contact",
                "enabled": "Enabled",
            },
        )


@app.command()
@app.command("create", hidden=True)  # the word of the REST API
def add(
    name: Name,
    contact: Annotated[str | None, typer.Option(help="Who gets postmaster@ and abuse@.")] = None,
) -> None:
    """Take mail for a domain."""
    with Api() as api:
        show_one(api.post("domains", body={"name": name, "contact": contact}))


@app.command()
def show(name: Name) -> None:
    """One domain."""
    with Api() as api:
        show_one(api.get("domains", name))


@app.command()
def change(
    name: Name,
    contact: Annotated[
        str | None, typer.Option(help="Who gets postmaster@ and abuse@; '' for the first postmaster.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Logins and mail.")] = None,
) -> None:
    """Change a domain."""
    changes: dict[str, Any] = {}
    if contact is not None:
        changes["contact"] = contact or None
    if enabled is not None:
        changes["enabled"] = enabled
    with Api() as api:
        show_one(api.patch("domains", name, body=changes))


@app.command()
def delete(name: Name) -> None:
    """Delete a domain without accounts and aliases."""
    with Api() as api:
        api.delete("domains", name)
    say(f"{name} deleted")
