"""The audit log: who changed what, through what, in the transaction that changed it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from merpati.platform.db import Connection

_INSERT = "INSERT INTO auth.audit (actor, client, action, target, detail) VALUES (%s, %s, %s, %s, %s)"
_PAGE = """
SELECT id, at, actor, client, action, target, detail FROM auth.audit
WHERE id < %(before)s
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(target)s::text IS NULL OR target = %(target)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
ORDER BY id DESC LIMIT %(limit)s
"""
NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change."""

    id: int
    at: datetime
    actor: str
    client: str | None
    action: str
    target: str
    detail: dict[str, Any]


async def write(
    conn: Connection, *, actor: str, client: str | None, action: str, target: str, detail: Mapping[str, Any]
) -> None:
    """Note a change; `detail` never holds a secret."""
    await conn.execute(_INSERT, (actor, client, action, target, json.dumps(detail)))


async def page(
    conn: Connection,
    *,
    before: int = NEWEST,
    limit: int,
    actor: str | None = None,
    target: str | None = None,
    action: str | None = None,
) -> list[AuditEntry]:
    """Changes, newest first, older than the entry `before`."""
    values = {"before": before, "limit": limit, "actor": actor, "target": target, "action": action}
    return [AuditEntry(*row) for row in await (await conn.execute(_PAGE, values)).fetchall()]
