"""The quick way to write flags says what the plain way says."""

from __future__ import annotations

import random
from array import array

import pytest

from merpati.store import Snapshot
from merpati_imap_pop.imap.commands import flag_lines
from merpati_imap_pop.imap.commands.updates import flags_line
from merpati_imap_pop.imap.view import View
from tests.unit.imap.test_view import MAILBOX


@pytest.mark.parametrize("seed", range(20))
def test_same_as_line_by_line(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = random.Random(seed)
    monkeypatch.setattr(flag_lines, "KEPT", chooser.choice([10, 1000]))
    uids = array("Q", sorted(chooser.sample(range(1, 500), 100)))
    masks, modseqs = array("H", [chooser.randrange(32) for _ in uids]), array("Q", [1] * 100)
    keywords = {uid: frozenset({"$a", "b"}) for uid in uids if chooser.random() < chooser.choice([0, 0.3])}
    view = View(
        Snapshot(MAILBOX, uids, masks, modseqs, keywords, 1),
        read_only=False,
        recent_above=chooser.randrange(600),
    )
    low, high = sorted(chooser.sample(range(101), 2))
    for indexes in (range(low, high), sorted(chooser.sample(range(100), 30)), []):
        for items, uid in ((("FLAGS",), False), (("UID", "FLAGS"), True)):
            plain = b"".join(flags_line(view, index, condstore=False, uid=uid) for index in indexes)
            assert flag_lines.lines(view, indexes, items) == plain
        told = flag_lines.lines(view, indexes, ("UID",))
        assert told == b"".join(
            b"* %d FETCH (UID %d)\r\n" % (index + 1, view.uids[index]) for index in indexes
        )
