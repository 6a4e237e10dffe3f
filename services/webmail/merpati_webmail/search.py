"""Search in one folder: plain words, found anywhere, whatever their case; the newest messages first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from merpati.search import fold, scan
from merpati.store import Snapshot, Store
from merpati_webmail.i18n import N_

MAX_QUERY = 200
FIELDS: Mapping[str, str] = {
    "all": N_("everywhere"),
    "from": N_("in the sender"),
    "to": N_("in the recipients"),
    "subject": N_("in the subject"),
    "text": N_("in the text"),
}
_COLUMNS = {"from": "from_text", "to": "to_text", "subject": "subject"}
_BATCH = 200
_SECONDS = 8.0  # a person waits no longer; what was found by then is shown


@dataclass(slots=True)
class Found:
    """UIDs, newest first; `incomplete` where time ran out before the folder's end."""

    uids: list[int] = field(default_factory=list)
    incomplete: bool = False


async def find(store: Store, snapshot: Snapshot, query: str, where: str) -> Found:
    """The messages that have every word of `query` in `where` (a key of FIELDS)."""
    words = fold(query).split()
    result = Found()
    deadline = time.monotonic() + _SECONDS
    for end in range(len(snapshot), 0, -_BATCH):
        batch = snapshot.uids[max(end - _BATCH, 0) : end]
        result.uids += sorted(await _among(store, snapshot, batch, words, where), reverse=True)
        if time.monotonic() > deadline and end > _BATCH:
            result.incomplete = True
            break
    return result


async def _among(
    store: Store, snapshot: Snapshot, uids: Sequence[int], words: Sequence[str], where: str
) -> set[int]:
    heads = await _heads(store, snapshot, uids, where)
    found = set(uids)
    for word in words:
        in_head = {uid for uid in found if word in heads.get(uid, "")}
        if where in ("all", "text"):
            mailbox = snapshot.mailbox
            rest = found - in_head
            in_head |= set(await scan(store, mailbox.account_id, mailbox.id, rest, word))
        found = in_head
    return found


async def _heads(store: Store, snapshot: Snapshot, uids: Sequence[int], where: str) -> dict[int, str]:
    """Each message's listed fields, folded; none of them where only the text is searched."""
    names = list(_COLUMNS.values()) if where == "all" else [_COLUMNS[where]] if where in _COLUMNS else []
    if not names:
        return {}
    mailbox = snapshot.mailbox
    rows = store.rows(mailbox.account_id, mailbox.id, uids, ["uid", *names])
    return {uid: fold("\n".join(texts)) async for uid, *texts in rows}
