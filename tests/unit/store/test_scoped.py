"""The webmail's role: the whole store works under it, and no other account is seen."""

from __future__ import annotations

import pytest

from merpati.platform.db import Database
from merpati.platform.errors import NotFound
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Store
from tests.unit.store.conftest import MakeAccount
from tests.unit.store.mail import letter, new


async def test_one_account_at_a_time(
    settings: Settings, files: MailFiles, store: Store, new_account: MakeAccount
) -> None:
    mine, other = await new_account(), await new_account()
    hidden = await store.mailbox(other, "INBOX")
    await store.append(other, hidden.id, [new()])
    database = Database(settings, "webmail", max_size=2)
    await database.open()
    webmail = Store(database, files, None, settings, scoped=True)
    inbox, trash = await webmail.mailbox(mine, "INBOX"), await webmail.special(mine, "\\Trash")
    data = letter()
    await webmail.append(mine, inbox.id, [NewMessage(data), new()])
    await webmail.store_flags(mine, inbox.id, [1], "add", Flag.SEEN)
    await webmail.move(mine, inbox.id, [1], trash.id)
    made = await webmail.create(mine, "Baru/Dalam")
    await webmail.rename(mine, "Baru", "Lain")
    await webmail.delete(mine, "Lain/Dalam")
    await webmail.expunge(mine, inbox.id, [2], only_deleted=False)
    assert await webmail.read(mine, trash.id, 1) == data
    assert (await webmail.quota(mine)).messages == 1
    assert made.id not in [box.id for box in await webmail.mailboxes(mine)]
    with pytest.raises(NotFound):
        await webmail.read(mine, hidden.id, 1)
    async with database.transaction(mine) as conn:
        cursor = await conn.execute("SELECT DISTINCT account_id FROM mail.mailboxes")
        assert await cursor.fetchall() == [(mine,)]
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT count(*) FROM mail.emails")
        assert await cursor.fetchone() == (0,)
    await database.close()
