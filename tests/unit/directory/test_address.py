"""The folded form of addresses and domains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.directory import fold_address, fold_domain, fold_new_domain, without_detail
from merpati.platform.errors import Invalid


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Tito@Example.COM", "tito@example.com"),
        ("tito@example.com.", "tito@example.com"),
        ('"tito"@example.com', "tito@example.com"),
        ('"ti\\to"@example.com', "tito@example.com"),
        ('"Sari Dewi"@example.com', '"sari dewi"@example.com'),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ("kepala@KLINIK-ÄRZTE.example", "kepala@xn--klinik-rzte-r8a.example"),
        ("tito@[127.0.0.1]", "tito@[127.0.0.1]"),
        ("tito@[IPv6:2001:DB8::1]", "tito@[ipv6:2001:db8::1]"),
        ("o'hara+x=y@mail_1.example", "o'hara+x=y@mail_1.example"),
        ("e\u0301lan@example.com", "\u00e9lan@example.com"),
    ],
)
def test_folds(written: str, folded: str) -> None:
    assert fold_address(written) == folded
    assert fold_address(folded) == folded


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tito",
        "@example.com",
        "tito@",
        "ti to@example.com",
        "tito@exa mple.com",
        "tito@@example.com",
        ".tito@example.com",
        "ti..to@example.com",
        '"tito@example.com',
        "tito@example..com",
        "tito@[300.1.1.1]",
        "tito@\u2028.com",
        "ti\x00to@example.com",
        "tito@exam\r\nple.com",
        "x" * 65 + "@example.com",
        "tito@" + "a" * 64 + ".com",
        "tito@" + "a." * 130 + "com",
        "\ud800@example.com",
    ],
)
def test_refuses(address: str) -> None:
    with pytest.raises(Invalid):
        fold_address(address)


@pytest.mark.parametrize("domain", ["localhost", "[127.0.0.1]", "127.0.0.1", "mail_1.example", "-a.example"])
def test_no_domain_of_ours(domain: str) -> None:
    with pytest.raises(Invalid):
        fold_new_domain(domain)


def test_literal_domain_stays() -> None:
    assert fold_domain("[127.0.0.1]") == "[127.0.0.1]"


@pytest.mark.parametrize(
    ("local", "delimiters", "plain"),
    [("tito+a+b", "+", "tito"), ("tito-x", "+-", "tito"), ("+tito", "+", "+tito"), ("tito+x", "", "tito+x")],
)
def test_detail(local: str, delimiters: str, plain: str) -> None:
    assert without_detail(local, delimiters) == plain


@given(st.text(max_size=80))
def test_any_text_folds_or_is_refused(text: str) -> None:
    try:
        folded = fold_address(text)
    except Invalid:
        return
    assert fold_address(folded) == folded
    assert not any(character in folded for character in "\r\n\x00")
