"""Folder names, and how they are spelt on disk."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.platform.errors import Invalid
from merpati.store import names


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("INBOX", ""),
        ("Sent", ".Sent"),
        ("INBOX/Kerja", ".INBOX.Kerja"),
        ("a/b/c", ".a.b.c"),
        ("v1.2", ".v1\\2e2"),  # Dovecot's listescape
        ("back\\slash", ".back\\5cslash"),
        ("Proyék", ".Proy&AOk-k"),
        ("A&B", ".A&-B"),
        ("台北/日本語", ".&U,BTFw-.&ZeVnLIqe-"),  # RFC 3501 5.1.3
    ],
)
def test_names_on_disk(name: str, directory: str) -> None:
    assert names.to_dir(name) == directory
    assert names.from_dir(directory) == name


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "/a", "a\x00b", "a\nb", "x" * 256, "é" * 100, "a/" * 130 + "a"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(Invalid):
        names.normalise(name)


def test_one_spelling() -> None:
    assert names.normalise("inBox") == "INBOX"
    assert names.normalise("inbox/Kerja") == "INBOX/Kerja"
    assert names.normalise("Proye\u0301k/") == "Proyék"


@given(st.text(min_size=1, max_size=40))
def test_every_name_comes_back_from_its_directory(text: str) -> None:
    try:
        name = names.normalise(text)
    except Invalid:
        return
    directory = names.to_dir(name)
    assert "/" not in directory and len(directory.encode()) <= 255 and directory.isascii()
    assert names.from_dir(directory) == name == unicodedata.normalize("NFC", name)


@given(st.text(alphabet="&-,.\\abcAQ29é", max_size=30))
def test_no_directory_name_surprises(text: str) -> None:
    try:
        names.from_dir("." + text)
    except Invalid:
        return
