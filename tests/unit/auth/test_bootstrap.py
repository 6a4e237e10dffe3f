"""The first start on a real, empty database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from merpati.directory.admin import accounts, addresses, domains
from merpati.platform.errors import Invalid
from merpati_auth.bootstrap import bootstrap
from merpati_auth.context import Context
from merpati_auth.credentials import Attempt

ALIASES = """\
postmaster: root
root: tito, "Boss@Elsewhere.example"
hooks: "|/usr/bin/procmail"
"bad name": tito
"""


@asynccontextmanager
async def context(settings, **changes):
    made = Context.make(settings.model_copy(update=changes))
    await made.db.open()
    yield made
    await made.close()


async def test_a_postmaster_without_a_mailbox(fresh_settings):
    async with context(fresh_settings) as made:
        await bootstrap(made)
        name = f"postmaster@{fresh_settings.myhostname}"
        password = fresh_settings.secret("postmaster_password")
        verdict = await made.credentials.verify(Attempt(name, password, "api", "192.0.2.1"))
        assert (verdict.role, verdict.has_mailbox) == ("postmaster", False)
        async with made.db.connection() as conn:
            assert await domains.page(conn, after="", limit=10) == []


async def test_old_settings_become_data_once(fresh_settings, tmp_path):
    file = tmp_path / "aliases"
    file.write_text(ALIASES)
    settings = {
        "postmaster_address": "boss@Firma.example",
        "mydestination": "$myhostname, firma.example, localhost.$mydomain localhost",
        "alias_maps": f"hash:{file}",
    }
    async with context(fresh_settings, **settings) as made:
        await asyncio.gather(bootstrap(made), bootstrap(made))
        await bootstrap(made)
        async with made.db.connection() as conn:
            names = [record.name for record in await domains.page(conn, after="", limit=10)]
            assert names == ["firma.example", "localhost.example.com", fresh_settings.myhostname]
            (boss,) = await accounts.page(conn, after="", limit=10)
            assert (boss.address, boss.role, boss.has_mailbox) == ("boss@firma.example", "postmaster", True)
            found = await addresses.page(conn, after="", limit=50, domain="firma.example", kind="alias")
            assert {record.address: record.targets for record in found} == {
                "postmaster@firma.example": ("root@firma.example",),
                "root@firma.example": ("boss@elsewhere.example", "tito@firma.example"),
            }
            await addresses.delete(conn, "root@firma.example")
        await bootstrap(made)
        async with made.db.connection() as conn:
            found = await addresses.page(conn, after="", limit=50, domain="firma.example", kind="alias")
            assert len(found) == 1, "what was deleted is not made again"


async def test_a_missing_aliases_file_stops_nothing(fresh_settings):
    async with context(fresh_settings, mydestination="firma.example", alias_maps="/nowhere/aliases") as made:
        await bootstrap(made)
        async with made.db.connection() as conn:
            assert len(await domains.page(conn, after="", limit=10)) == 1


async def test_a_postmaster_address_that_is_none_is_said(fresh_settings):
    async with context(fresh_settings, postmaster_address="the boss") as made:
        with pytest.raises(Invalid, match="the boss"):
            await bootstrap(made)
