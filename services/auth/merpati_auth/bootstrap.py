"""The first start: a postmaster who can log in, what Postfix's settings say about domains and aliases, and keys."""

from __future__ import annotations

import asyncio
from pathlib import Path

from merpati.directory import fold_address, fold_new_address, fold_new_domain, split_address
from merpati.directory.admin import addresses, domains
from merpati.directory.admin.accounts import NewAccount
from merpati.directory.admin.updates import has_postmaster
from merpati.platform.errors import Conflict, Invalid, Unavailable
from merpati.platform.settings import Settings, words
from merpati.platform.telemetry import get_logger
from merpati_auth import accounts, aliases_file, dkim
from merpati_auth.actor import SERVER
from merpati_auth.changes import Change
from merpati_auth.context import Context

log = get_logger(__name__)

_RETRY = 0.5  # seconds between looks for Postgres
_LOCK = 7_236_013  # any constant: two first starts at once take turns


async def bootstrap(context: Context) -> None:
    """Make what is missing, once; waits for Postgres as long as it takes."""
    while True:
        try:
            await _bootstrap(context)
            await dkim.complete(context)
            return
        except Unavailable as error:
            log.info("waiting for the database", error=str(error))
            await asyncio.sleep(_RETRY)


async def _bootstrap(context: Context) -> None:
    async with context.db.connection() as conn:
        if await has_postmaster(conn):
            return
    settings = context.settings
    password_hash = await context.credentials.hash(settings.secret("postmaster_password"))
    async with context.changes.begin(SERVER) as change:
        await change.conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if await has_postmaster(change.conn):
            return
        names = _domains(settings)
        address = _postmaster(settings)
        if settings.postmaster_address:
            names.setdefault(split_address(address)[1])
        for name in names:
            await domains.create(change.conn, name)
            await change.audit("domain.create", name)
        mailbox = bool(settings.postmaster_address)
        draft = NewAccount(address, display_name="Postmaster", role="postmaster", has_mailbox=mailbox)
        ours = split_address(address)[1] in names
        await accounts.create(change, draft, password_hash, domainless=not ours)
        await _aliases(change, settings, list(names))
    log.info("postmaster made", address=address, domains=list(names))


def _postmaster(settings: Settings) -> str:
    """The first administrator's address. Raises `Invalid` naming the setting."""
    try:
        if settings.postmaster_address:
            return fold_new_address(settings.postmaster_address)
        return fold_address(f"postmaster@{settings.myhostname}")
    except Invalid as error:
        raise Invalid(f"MERPATI_POSTMASTER_ADDRESS or MERPATI_MYHOSTNAME: {error}") from error


def _domains(settings: Settings) -> dict[str, None]:
    """`mydestination` with Postfix's two variables; names that are no full domain (localhost) are left out."""
    parent = settings.myhostname.partition(".")[2]
    names: dict[str, None] = {}
    for word in words(settings.mydestination):
        name = word.replace("$myhostname", settings.myhostname).replace("$mydomain", parent)
        try:
            names[fold_new_domain(name)] = None
        except Invalid:
            log.info("mydestination: not made a domain", name=name)
    return names


async def _aliases(change: Change, settings: Settings, names: list[str]) -> None:
    """The file of `alias_maps`, in every domain, as Postfix reads it for all of `mydestination`."""
    if not settings.alias_maps or not names:
        return
    path = Path(settings.alias_maps.rpartition(":")[2])  # hash:/etc/aliases
    try:
        text = await asyncio.to_thread(path.read_text, "utf-8", "replace")
    except OSError as error:
        log.error("alias_maps not read", path=str(path), error=error.strerror)
        return
    for name, values in aliases_file.parse(text).items():
        for domain in names:
            await _alias(change, name, values, domain)


async def _alias(change: Change, name: str, values: list[str], domain: str) -> None:
    try:
        address = fold_new_address(f"{name}@{domain}")
        targets = [
            fold_address(value if "@" in value else f"{value}@{domain}")
            for value in values
            if aliases_file.is_address(value)
        ]
        async with change.conn.transaction():
            await addresses.create_alias(change.conn, address, targets)
        await change.audit("address.create", address, targets=targets)
    except (Invalid, Conflict) as error:
        log.warning("alias_maps: entry left out", name=name, values=values, reason=str(error))
