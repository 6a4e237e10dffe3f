"""SEARCH's masks against a plain reading of the keys, and LIST's patterns against regular expressions."""

from __future__ import annotations

import random
import re
from array import array
from dataclasses import replace

import pytest

from merpati.store import Snapshot
from merpati_imap_pop.imap.commands.flags import SYSTEM
from merpati_imap_pop.imap.commands.patterns import Pattern
from merpati_imap_pop.imap.commands.search_masks import Masker
from merpati_imap_pop.imap.view import View
from merpati_imap_pop.imap.wire.search_keys import All, AllOf, AnyOf, HasFlag, InText, Key, ModifiedSince, Not
from tests.unit.imap.test_view import MAILBOX

FLAGS = ["\\Seen", "\\Deleted", "\\Draft", "\\Answered", "\\Flagged", "$Label1", "\\Recent"]


def random_key(chooser: random.Random, depth: int = 0) -> Key:
    kind = chooser.random()
    if depth > 4 or kind < 0.4:
        return chooser.choice(
            [
                HasFlag(chooser.choice(FLAGS)),
                All(),
                ModifiedSince(chooser.randrange(1, 20)),
                InText("x", False),
            ]
        )
    if kind < 0.6:
        return Not(random_key(chooser, depth + 1))
    keys = tuple(random_key(chooser, depth + 1) for _ in range(chooser.randrange(2, 4)))
    return AllOf(keys) if kind < 0.8 else AnyOf(keys)


def plainly(key: Key, view: View, index: int, text: bool) -> bool:
    if isinstance(key, Not):
        return not plainly(key.key, view, index, text)
    if isinstance(key, AllOf):
        return all(plainly(inner, view, index, text) for inner in key.keys)
    if isinstance(key, AnyOf):
        return any(plainly(inner, view, index, text) for inner in key.keys)
    if isinstance(key, ModifiedSince):
        return view.modseqs[index] >= key.modseq
    if isinstance(key, HasFlag):
        uid = view.uids[index]
        if key.flag == "\\Recent":
            return view.is_recent(uid)
        bit = SYSTEM.get(key.flag.lower())
        return bool(view.flags[index] & bit) if bit else key.flag in view.keywords.get(uid, ())
    return text if isinstance(key, InText) else True


@pytest.mark.parametrize("seed", range(50))
def test_masks_are_right_about_what_they_know(seed: int) -> None:
    chooser = random.Random(seed)
    count = chooser.choice([0, 1, 7, 300])
    uids = array("Q", sorted(chooser.sample(range(1, 1000), count)))
    view = View(
        Snapshot(
            replace(MAILBOX, recent_uid=500),
            uids,
            array("H", [chooser.randrange(32) for _ in uids]),
            array("Q", [chooser.randrange(1, 20) for _ in uids]),
            {uid: frozenset({"$Label1"}) for uid in uids if chooser.random() < 0.3},
            1,
        ),
        read_only=False,
        recent_above=500,
    )
    masker = Masker(view)
    for _ in range(20):
        key = random_key(chooser)
        masks = masker.evaluate(key)
        sure, maybe = masker.octets(masks.sure), masker.octets(masks.maybe)
        for index in range(count):
            either = {plainly(key, view, index, text) for text in (False, True)}
            assert not (sure[index] and False in either)
            assert maybe[index] or True not in either


def by_regex(pattern: str, name: str) -> bool:
    parts = (".*" if char == "*" else "[^/]*" if char == "%" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), name) is not None


@pytest.mark.parametrize("seed", range(20))
def test_patterns_match_as_regular_expressions_would(seed: int) -> None:
    chooser = random.Random(seed)
    for _ in range(200):
        pattern = "".join(chooser.choices("ab/*%", k=chooser.randrange(8)))
        name = "".join(chooser.choices("ab/", k=chooser.randrange(8)))
        assert Pattern(pattern).matches(name) == by_regex(pattern, name), (pattern, name)


def test_a_pattern_of_stars_takes_no_time() -> None:
    assert not Pattern("*a" * 2_000 + "x").matches("a" * 255)
