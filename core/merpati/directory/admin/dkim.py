"""DKIM keys of domains: entered once, listed as what to publish. Private keys are never read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from merpati.platform.db import Connection
from merpati.signing import Algorithm, DkimKey, generate, public_record


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """The public half of a key, as a TXT record says it."""

    selector: str
    algorithm: str
    record: str


_WITHOUT = """
SELECT d.name FROM directory.domains d
WHERE NOT EXISTS (SELECT FROM directory.dkim_keys k WHERE k.domain_id = d.id AND k.active) ORDER BY d.id
"""
_LOCK = "SELECT id FROM directory.domains WHERE name = %s FOR UPDATE"
_SIGNS = "SELECT EXISTS (SELECT FROM directory.dkim_keys WHERE domain_id = %s AND active)"
_ENTER = """
INSERT INTO directory.dkim_keys (domain_id, selector, algorithm, private_key, record) VALUES (%s, %s, %s, %s, %s)
"""
_PUBLISHED = """
SELECT k.selector, k.algorithm, k.record
FROM directory.dkim_keys k JOIN directory.domains d ON d.id = k.domain_id
WHERE d.name = %s ORDER BY k.created_at, k.algorithm DESC
"""


def make_keys(domain: str, today: date) -> list[DkimKey]:
    """A new pair. It takes about a fifth of a second of processor time: never in an event loop.

    RSA is what every verifier knows; Ed25519 (RFC 8463) is short and quick, and ignored where it is not known.
    The selectors tell the month, so that a later pair has names of its own.
    """
    month = f"m{today:%Y%m}"
    return [
        generate(domain, f"{month}r", Algorithm.RSA),
        generate(domain, f"{month}e", Algorithm.ED25519),
    ]


async def domains_without(conn: Connection) -> list[str]:
    """The domains whose mail could not be signed."""
    return [name for (name,) in await (await conn.execute(_WITHOUT)).fetchall()]


async def enter(conn: Connection, domain: str, keys: Sequence[DkimKey]) -> bool:
    """Give the domain its first keys; False where it has some, or is gone. In the caller's transaction."""
    row = await (await conn.execute(_LOCK, (domain,))).fetchone()
    if row is None:
        return False
    signs = await (await conn.execute(_SIGNS, row)).fetchone()
    if signs is not None and signs[0]:
        return False
    for key in keys:
        text = public_record(key)[1]
        await conn.execute(_ENTER, (row[0], key.selector, key.algorithm.value, key.pem().decode(), text))
    return True


async def published(conn: Connection, domain: str) -> list[PublishedKey]:
    """What is to be published for the domain, keys that no longer sign included."""
    return [PublishedKey(*row) for row in await (await conn.execute(_PUBLISHED, (domain,))).fetchall()]
