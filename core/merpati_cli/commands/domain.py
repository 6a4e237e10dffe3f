"""`merpati domain`: the domains whose mail ends here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from merpati_cli.api import Api
from merpati_cli.output import is_json, say, show_json, show_one, show_rows

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
def dns(
    name: Name, zone: Annotated[bool, typer.Option("--zone", help="As lines for a zone file.")] = False
) -> None:
    """Every DNS record to publish for a domain, and what it is for."""
    with Api() as api:
        found = api.get("domains", name, "dns")
    if is_json():
        show_json(found)
    elif zone:
        print(found["zone"], end="")
    else:
        columns = {"name": "Name", "type": "Type", "value": "Value", "purpose": "Purpose"}
        show_rows(found["records"], columns)
        for note in found["notes"]:
            say(note)


@app.command()
def delete(name: Name) -> None:
    """Delete a domain without accounts and aliases."""
    with Api() as api:
        api.delete("domains", name)
    say(f"{name} deleted")
