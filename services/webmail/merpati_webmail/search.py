"""Search in one folder: plain words, found anywhere, whatever their case; the newest messages first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from merpati.platform.errors import NotFound
from merpati.store import Snapshot, Store
from merpati_webmail import reading
from merpati_webmail.i18n import N_

MAX_QUERY = 200
FIELDS: Mapping[str, str] = {
    "all": N_("everywhere"),
    "from": N_("in the sender"),
    "to": N_("in the recipients"),
    "subject": N_("in the subject"),
    "text": N_("in the text"),
}
_BATCH = 500
_SECONDS = 8.0  # a person waits no longer; what was found by then is shown
_COLUMNS = ("uid", "from_text", "to_text", "subject", "preview")


@dataclass(slots=True)
class Found:
    """UIDs, newest first; `incomplete` where time ran out before the folder's end."""

    uids: list[int] = field(default_factory=list)
    incomplete: bool = False


async def find(store: Store, snapshot: Snapshot, query: str, where: str) -> Found:
    """The messages that have every word of `query` in `where` (a key of FIELDS)."""
    words = query.casefold().split()
    mailbox, result = snapshot.mailbox, Found()
    deadline = time.monotonic() + _SECONDS
    newest_first = snapshot.uids[::-1]
    for start in range(0, len(newest_first), _BATCH):
        batch = sorted(newest_first[start : start + _BATCH])
        rows = [row async for row in store.rows(mailbox.account_id, mailbox.id, batch, _COLUMNS)]
        for uid, sender, recipients, subject, preview in reversed(rows):
            headers = {"from": sender, "to": recipients, "subject": subject}
            text = "\n".join(headers.values()) if where == "all" else headers.get(where, preview)
            missing = [word for word in words if word not in text.casefold()]
            if missing and where in ("all", "text"):
                missing = await _missing_in_body(store, snapshot, uid, missing)
            if not missing:
                result.uids.append(uid)
            if time.monotonic() > deadline:
                result.incomplete = True
                return result
    return result


async def _missing_in_body(store: Store, snapshot: Snapshot, uid: int, words: list[str]) -> list[str]:
    try:
        data = await store.read(snapshot.mailbox.account_id, snapshot.mailbox.id, uid)
    except NotFound:  # expunged meanwhile
        return words
    text = await asyncio.to_thread(lambda: reading.read(data).text.casefold())
    return [word for word in words if word not in text]
