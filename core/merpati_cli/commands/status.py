"""`merpati status`: how the server is."""

from __future__ import annotations

from typing import Any

from merpati_cli.api import Api
from merpati_cli.output import is_json, show_json, show_one


def status() -> None:
    """How the server is, and how much waits."""
    with Api() as api:
        found: dict[str, Any] = api.get("status")
    if is_json():
        show_json(found)
        return
    queue = found.pop("queue") or {}
    show_one(found | {f"queue_{name}": value for name, value in queue.items()})
