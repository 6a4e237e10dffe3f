"""A session's view of a folder that others change: random histories against a client that applies what it is told."""

from __future__ import annotations

import random
from array import array
from dataclasses import replace

import pytest

from merpati.store import Mailbox, Snapshot
from merpati_imap_pop.imap.view import View

MAILBOX = Mailbox(1, 1, "INBOX", "", None, True, 1, 1, 1, 1, 0, 0, 0, 0, 0)


class Folder:
    """The truth: UIDs with flags and MODSEQs."""

    def __init__(self) -> None:
        self.messages: dict[int, tuple[int, int]] = {}
        self.modseq = 1
        self.uidnext = 1
        self.version = 0

    def snapshot(self) -> Snapshot:
        self.version += 1
        return Snapshot(
            replace(MAILBOX, uidnext=self.uidnext, modseq=self.modseq),
            array("Q", self.messages),
            array("H", [flags for flags, _ in self.messages.values()]),
            array("Q", [modseq for _, modseq in self.messages.values()]),
            {},
            self.version,
        )

    def change(self, chooser: random.Random) -> None:
        self.modseq += 1
        kind = chooser.random()
        if kind < 0.4 or not self.messages:
            for _ in range(chooser.randrange(1, 4)):
                self.messages[self.uidnext] = (0, self.modseq)
                self.uidnext += chooser.randrange(1, 3)
        elif kind < 0.7:
            uid = chooser.choice(list(self.messages))
            self.messages[uid] = (chooser.randrange(32), self.modseq)
        else:
            for uid in chooser.sample(
                list(self.messages), chooser.randrange(1, min(4, len(self.messages) + 1))
            ):
                del self.messages[uid]


@pytest.mark.parametrize("seed", range(60))
def test_a_client_that_applies_changes_sees_the_truth(seed: int) -> None:
    chooser = random.Random(seed)
    folder = Folder()
    for _ in range(chooser.randrange(600)):
        folder.change(chooser)
    view = View(folder.snapshot(), read_only=False, recent_above=0)
    client = list(view.flags)
    uids = list(view.uids)
    for _ in range(60):
        for _ in range(chooser.randrange(3)):
            folder.change(chooser)
        expunge = chooser.random() < 0.4
        changes = view.advance(folder.snapshot(), expunge=expunge)
        assert expunge or not changes.expunged
        for number in changes.expunged:
            del client[number - 1], uids[number - 1]
        if changes.exists is not None:
            assert changes.exists > len(client)
            client += view.flags[len(client) : changes.exists]
            uids += view.uids[len(uids) : changes.exists]
        for index in changes.flags:
            client[index] = view.flags[index]
        assert (client, uids) == (list(view.flags), list(view.uids))
        assert set(view.uids) - view.gone == set(folder.messages)
        assert not (expunge and view.gone)
    view.advance(folder.snapshot(), expunge=True)
    assert list(view.uids) == list(folder.messages)
    assert list(view.flags) == [flags for flags, _ in folder.messages.values()]


def test_a_snapshot_is_taken_over_whole_when_nothing_vanished() -> None:
    folder = Folder()
    folder.messages = {1: (0, 1), 2: (0, 1)}
    folder.uidnext = 3
    view = View(folder.snapshot(), read_only=False, recent_above=0)
    folder.messages[3] = (0, 2)
    later = folder.snapshot()
    assert view.advance(later, expunge=False).exists == 3
    assert view.uids is later.uids
