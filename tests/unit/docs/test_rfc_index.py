"""docs/rfc-index.md is what the comments cite."""

from __future__ import annotations

import pytest

from docs import rfc_index


def test_every_rfc_has_its_title() -> None:
    assert [number for number in rfc_index.index() if number not in rfc_index.TITLES] == []


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("RFC 9051 6.4.5.1); '' for", [(9051, ["6.4.5.1"])]),
        ("(RFC 1939 5, 6 and 7)", [(1939, ["5", "6", "7"])]),
        ("RFC 2183), with RFC 2231 3, 4.1", [(2183, []), (2231, ["3", "4.1"])]),
        ("RFC 9051 6.2.3 LOGIN, 6.1 commands", [(9051, ["6.2.3", "6.1"])]),
        ("RFC 9051 6.3.9, RFC 5258, 5819", [(9051, ["6.3.9"]), (5258, [])]),
        ("# wrapped (RFC 9051\n    # 7.5.1)", [(9051, ["7.5.1"])]),
        ("RFC 5321 4.5.3.1.3: 256 octets", [(5321, ["4.5.3.1.3"])]),
        ("message/rfc822, RFC822.SIZE", []),
    ],
)
def test_citations(text: str, cited: list[tuple[int, list[str]]]) -> None:
    assert list(rfc_index.citations(text)) == cited
