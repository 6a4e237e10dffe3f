"""`merpati account`: people and devices that log in."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from merpati_cli.api import Api
from merpati_cli.output import is_json, say, show_one, show_rows
from merpati_cli.passwords import FromStdin, ask
from merpati_cli.sizes import parse_size, show_size

app = typer.Typer(help="People and devices that log in.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS")]
DisplayName = Annotated[str | None, typer.Option("--name", help="The person's name.")]
Quota = Annotated[str | None, typer.Option(help="500M, 2G, none, or default (mailbox_size_limit).")]
Role = Annotated[str | None, typer.Option(help="user or postmaster.")]
Language = Annotated[str | None, typer.Option(help="en or id.")]


@app.command("list")
def list_accounts(
    domain: Annotated[str | None, typer.Option(help="Only this domain's.")] = None,
    search: Annotated[str | None, typer.Option(help="Part of the address or the name.")] = None,
) -> None:
    """All accounts."""
    with Api() as api:
        show_rows(
            map(_readable, api.items("accounts", domain=domain, search=search, limit=500)),
            {
                "address": "Address",
                "display_name": "Name",
                "role": "Role",
                "used": "Used",
                "quota": "Quota",
                "login_enabled": "Login",
                "receive_enabled": "Receives",
            },
        )


@app.command()
@app.command("create", hidden=True)  # the word of the REST API
def add(
    address: Address,
    name: DisplayName = None,
    quota: Quota = None,
    role: Role = None,
    language: Language = None,
    mailbox: Annotated[bool, typer.Option(help="Whether it gets a mailbox.")] = True,
    password_stdin: FromStdin = False,
) -> None:
    """Make an account; asks for its password."""
    body = _changes(name, quota, role, language)
    body |= {"address": address, "mailbox": mailbox, "password": ask(password_stdin)}
    with Api() as api:
        show_one(_readable(api.post("accounts", body=body)))


@app.command()
def show(address: Address) -> None:
    """One account."""
    with Api() as api:
        show_one(_readable(api.get("accounts", address)))


@app.command()
def change(
    address: Address,
    name: DisplayName = None,
    quota: Quota = None,
    role: Role = None,
    language: Language = None,
    receive: Annotated[bool | None, typer.Option(help="Whether its mail is taken.")] = None,
) -> None:
    """Change an account."""
    changes = _changes(name, quota, role, language)
    if receive is not None:
        changes["receive_enabled"] = receive
    with Api() as api:
        show_one(_readable(api.patch("accounts", address, body=changes)))


@app.command()
def disable(address: Address) -> None:
    """Keep an account from logging in, and end its sessions; its mail still arrives."""
    _switch(address, False)


@app.command()
def enable(address: Address) -> None:
    """Let an account log in again."""
    _switch(address, True)


@app.command()
def password(address: Address, password_stdin: FromStdin = False) -> None:
    """Set a password, and end the account's sessions."""
    with Api() as api:
        api.put("accounts", address, "password", body={"password": ask(password_stdin)})
    say(f"{address} has a new password")


@app.command()
def delete(address: Address, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete an account and its addresses."""
    if not yes:
        typer.confirm(f"Delete {address} and its mail?", abort=True, err=True)
    with Api() as api:
        api.delete("accounts", address)
    say(f"{address} deleted")


def _switch(address: str, on: bool) -> None:
    with Api() as api:
        show_one(_readable(api.patch("accounts", address, body={"login_enabled": on})))


def _changes(name: str | None, quota: str | None, role: str | None, language: str | None) -> dict[str, Any]:
    given: dict[str, Any] = {"display_name": name, "role": role, "language": language}
    changes = {key: value for key, value in given.items() if value is not None}
    if quota is not None:
        changes["quota"] = parse_size(quota)
    return changes


def _readable(account: dict[str, Any]) -> dict[str, Any]:
    if is_json():
        return account
    used = account.get("used")
    return account | {
        "quota": show_size(account["quota"]),
        "used": "-" if used is None else show_size(used).replace("none", "0"),
    }
