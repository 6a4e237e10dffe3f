"""Each domain has a pair of DKIM keys, from its making to its end, and only outbound reads their private half."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import date

import psycopg
import pytest

from merpati.directory import SigningKeys
from merpati.directory.admin import dkim, domains
from merpati.platform.errors import Unavailable
from merpati.signing import Algorithm, public_record
from merpati_auth.actor import SERVER
from merpati_auth.bootstrap import bootstrap
from merpati_auth.context import Context


@asynccontextmanager
async def context(settings, **changes):
    made = Context.make(settings.model_copy(update=changes))
    await made.db.open()
    yield made
    await made.close()


async def test_domains_of_the_first_start_and_older_ones_have_keys_when_auth_is_ready(fresh_settings):
    async with context(fresh_settings, mydestination="klinik.example") as made:
        await bootstrap(made)
        async with made.db.connection() as conn:
            await domains.create(conn, "old.example")
            first = await dkim.published(conn, "klinik.example")
        await bootstrap(made)
        async with made.db.connection() as conn:
            assert await dkim.domains_without(conn) == []
            assert await dkim.published(conn, "klinik.example") == first
            found = await dkim.published(conn, "old.example")
        assert [key.algorithm for key in found] == ["rsa-sha256", "ed25519-sha256"]


async def test_keys_are_entered_once_and_go_with_their_domain(fresh_settings):
    keys = dkim.make_keys("klinik.example", date(2026, 11, 24))
    assert [(key.selector, key.algorithm) for key in keys] == [
        ("m202611r", Algorithm.RSA),
        ("m202611e", Algorithm.ED25519),
    ]
    async with context(fresh_settings) as made, made.changes.begin(SERVER) as change:
        await domains.create(change.conn, "klinik.example")
        assert await dkim.enter(change.conn, "klinik.example", keys)
        assert not await dkim.enter(change.conn, "klinik.example", keys)
        assert not await dkim.enter(change.conn, "gone.example", keys)
        published = await dkim.published(change.conn, "klinik.example")
        assert [key.record for key in published] == [public_record(key)[1] for key in keys]
        await domains.delete(change.conn, "klinik.example")
        assert await dkim.published(change.conn, "klinik.example") == []


@pytest.mark.parametrize("role", ["smtp", "imap", "webmail", "worker", "auth"])
async def test_nobody_but_outbound_reads_a_private_key(database, role):
    db = await database(role)
    async with db.connection() as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("SELECT private_key FROM directory.dkim_keys")


async def test_outbound_reads_keys_remembers_them_and_tells_a_missing_key_from_a_foreign_domain(database):
    owner, outbound = await database("owner"), await database("outbound")
    keys = dkim.make_keys("klinik.example", date(2026, 11, 24))
    signing = SigningKeys(outbound, None)
    assert await signing.of("klinik.example") == ()
    async with owner.connection() as conn:
        await domains.create(conn, "klinik.example")
    with pytest.raises(Unavailable, match="no DKIM key"):
        await signing.of("klinik.example")
    async with owner.connection() as conn:
        await dkim.enter(conn, "klinik.example", keys)
    found = await signing.of("klinik.example")
    assert [key.pem() for key in found] == [key.pem() for key in keys]
    async with owner.connection() as conn:
        await conn.execute("UPDATE directory.dkim_keys SET private_key = 'spoilt'")
    assert await signing.of("klinik.example") is found
    with pytest.raises(Unavailable, match="cannot be read"):
        await SigningKeys(outbound, None).of("klinik.example")
