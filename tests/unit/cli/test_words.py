"""The command line's own words: options anywhere, sizes, and text that is safe to print."""

from __future__ import annotations

import pytest
import typer

from merpati_cli.app import main, options_first
from merpati_cli.output import moment, printable, shown
from merpati_cli.sizes import parse_size, show_size


@pytest.mark.parametrize(
    ("line", "sorted_line"),
    [
        ("domain list --data d", "--data d domain list"),
        ("domain list --data=d --json", "--data=d --json domain list"),
        ("account add a@b.example --name x", "account add a@b.example --name x"),
        ("alias add a@b.example -- --json", "alias add a@b.example -- --json"),
        ("status --data", "--data status"),
    ],
)
def test_options_may_stand_anywhere(line: str, sorted_line: str) -> None:
    assert options_first(line.split()) == sorted_line.split()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500M", 500 * 1024**2),
        ("2g", 2 * 1024**3),
        ("1KiB", 1024),
        ("none", 0),
        ("default", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "2X", "1.5G", "M", "9" * 30])
def test_no_sizes(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_size(text)


def test_sizes_are_shown_in_large_units() -> None:
    assert [show_size(size) for size in (None, 0, 1023, 1536, 5 * 1024**3)] == [
        "default",
        "none",
        "1023",
        "1.5K",
        "5G",
    ]


def test_other_peoples_text_moves_no_cursor() -> None:
    assert printable("550 \x1b[2Jno\x07\r") == "550 \ufffd[2Jno\ufffd\ufffd"
    assert shown(["a", None, True]) == "a, -, yes"
    assert moment("2026-99-99Tnonsense, not a time") == "2026-99-99Tnonsense, not a time"


def test_what_is_not_understood_ends_with_2(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["account", "frobnicate"]) == 2
    assert main(["--data", str(tmp_path_factory.mktemp("empty")), "domain", "list"]) == 2
    assert "no server is running" in capsys.readouterr().err
