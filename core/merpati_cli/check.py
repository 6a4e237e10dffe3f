"""`merpati check`: compares files and rows, says what differs, and with --repair puts it right; loses nothing."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from merpati.platform import settings as settings_module
from merpati.platform import telemetry
from merpati.platform.db import Database
from merpati.platform.errors import MerpatiError, NotFound
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store.blobs import MailFiles
from merpati.store.context import Context
from merpati.store.findings import KINDS, LOSSES, Findings
from merpati.store.repair import Scope, compare, compare_all
from merpati.store.restored import note_generation


def check(
    account: Annotated[str | None, typer.Argument(help="An address; without it, every account.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be put right.")] = False,
    older_than: Annotated[
        int | None,
        typer.Option(
            help="Age in seconds at which a file without a row counts. Default: MERPATI_ADOPT_AFTER."
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Name every finding.")] = False,
) -> None:
    """Compare mail files and database rows."""
    settings = settings_module.load()
    telemetry.configure("check", "error")
    try:
        findings = asyncio.run(run(settings, account, repair=repair, older_than=older_than))
    except (MerpatiError, OSError) as error:
        typer.echo(f"merpati check: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(report(findings, verbose=verbose))
    raise typer.Exit(exit_code(findings))


async def run(
    settings: Settings, address: str | None, *, repair: bool, older_than: int | None = None
) -> Findings:
    """The comparison, on the database and the volume that the settings name. Services may be running."""
    database, bell = Database(settings, "worker", max_size=2), Bell(settings)
    await database.open()
    context = Context(database, MailFiles.of(settings), bell, settings)
    findings = Findings(repair)
    scope = Scope(min_age=settings.adopt_after if older_than is None else older_than)
    try:
        if repair and await note_generation(context):
            findings.add("restored", None, "UIDVALIDITY of every folder was raised")
        if address is not None:
            await compare(context, await _account(context, address), scope, findings)
        else:
            await compare_all(context, scope, findings)
            await _check_queue(context, findings)
    finally:
        await bell.close()
        await database.close()
    return findings


async def _account(context: Context, address: str) -> int:
    async with context.db.connection() as conn:
        cursor = await conn.execute(
            "SELECT account_id FROM directory.accounts d JOIN mail.accounts m ON m.account_id = d.id"
            " WHERE d.address = %s AND d.deleted_at IS NULL",
            (address.lower(),),
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"no mailbox {address}")
    return int(row[0])


async def _check_queue(context: Context, findings: Findings) -> None:
    """Queue rows whose file is gone. Files without a row stay: they may have been sent, or not."""
    root = context.files.root
    on_disk = await asyncio.to_thread(_spooled, os.fspath(root))
    async with context.db.connection() as conn:
        rows = await (await conn.execute("SELECT file, recipient FROM queue.messages")).fetchall()
    for file, recipient in rows:
        if file not in on_disk and not await asyncio.to_thread((root / file).exists):
            findings.add("queue", None, f"{file} to {recipient}")
    for file in sorted(on_disk - {file for file, _ in rows}):
        findings.add("spool", None, file)


def _spooled(root: str) -> set[str]:
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, names in os.walk(os.path.join(root, "spool", "queue"))
        for name in names
    }


def report(findings: Findings, *, verbose: bool) -> str:
    """The findings in words: a line a kind, or with `verbose` a line each."""
    if not findings.found:
        return "Files and rows agree."
    lines = []
    for kind, count in sorted(findings.counts().items()):
        lines.append(f"{count:>7}  {kind}: {KINDS[kind]}")
        if verbose:
            lines += [
                f"           {'' if item.account_id is None else f'account {item.account_id}: '}{item.detail}"
                for item in findings.found
                if item.kind == kind
            ]
    if not findings.repair:
        lines.append("Nothing was changed; --repair puts right what can be.")
    return "\n".join(lines)


def exit_code(findings: Findings) -> int:
    """0: all agrees, or does now; 1: something differs; 3: bytes are missing that no repair can bring back."""
    kinds = set(findings.counts())
    if kinds & LOSSES:
        return 3
    return 1 if kinds and not findings.repair else 0
