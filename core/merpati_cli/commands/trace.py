"""`merpati trace`: what happened to a message, from acceptance to the remote's reply."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from merpati_cli.api import Api
from merpati_cli.output import console, is_json, moment, printable, show_json, show_table
from merpati_cli.problem import Problem

_TRACE_ID = re.compile(r"[0-9a-z]{16,26}")
_STYLES = {"delivered": "green", "sent": "green", "deferred": "yellow", "held": "yellow"}
_SENTENCES = ("reason", "reply")
_BAD = frozenset({"refused", "bounced", "expired", "deleted"})


def trace(
    what: Annotated[
        str, typer.Argument(metavar="ADDRESS|MESSAGE-ID", help="Or the id in our Received line.")
    ],
    limit: Annotated[int, typer.Option(help="Of an address: how many messages at most.")] = 20,
) -> None:
    """Tell what happened to each message of an address, newest message first."""
    with Api() as api:
        stories = _find(api, what, limit)
    if is_json():
        show_json(stories)
    elif not stories:
        raise Problem(f"nothing is known of {what}", exit_code=1)
    else:
        for story in stories:
            _tell(story)


def _find(api: Api, what: str, limit: int) -> list[dict[str, Any]]:
    """An address and a Message-ID look alike: ask for both, unless <> or the form of a trace id tells."""
    if _TRACE_ID.fullmatch(what):
        return _ask(api, trace_id=what)
    if what.startswith("<") or "@" not in what:
        return _ask(api, message_id=what, limit=limit)
    try:
        found = _ask(api, address=what, limit=limit)
    except Problem as problem:
        if problem.status != 422:  # not an address: what stands before a Message-ID's @ is freer
            raise
        found = []
    return found or _ask(api, message_id=what, limit=limit)


def _ask(api: Api, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("trace", **query)["items"]
    return items


def _tell(story: dict[str, Any]) -> None:
    out = console()
    heading = " ".join(filter(None, (story["trace_id"], story["message_id"])))
    out.print(Text(printable(heading), style="bold"), soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(overflow="fold")
    for event in story["events"]:
        kind = event["kind"]
        style = "red" if kind in _BAD else _STYLES.get(kind, "")
        table.add_row(
            Text("  " + moment(event["at"])),
            Text(printable(kind), style=style),
            Text(printable(_whom(event))),
            Text(printable(_detail(event["detail"]))),
        )
    show_table(table)
    print()


def _whom(event: dict[str, Any]) -> str:
    address = event["address"]
    if event["kind"] == "accepted":
        return f"from {address or '<>'}"
    return address or ""


def _detail(detail: dict[str, Any]) -> str:
    """Everything that was noted; whole sentences last, the remote's own words as they are."""
    words = [
        f"{name}={_value(value)}"
        for name, value in detail.items()
        if name not in _SENTENCES and value is not None
    ]
    sentences = [_value(detail[name]) for name in _SENTENCES if detail.get(name)]
    return "; ".join(filter(None, (" ".join(words), *sentences)))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}:{_value(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ",".join(map(_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
