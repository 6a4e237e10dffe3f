"""Addresses as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati_webmail import addressing
from merpati_webmail.addressing import from_mailto, parse, shown


def specs(typed: str) -> list[str]:
    addresses, bad = parse(typed)
    assert not bad, bad
    return [address.addr_spec for address in addresses]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", []),
        (" , ;\n", []),
        ("iqbal@example.com", ["iqbal@example.com"]),
        (
            "a@x.example, b@x.example; c@x.example\nd@x.example",
            ["a@x.example", "b@x.example", "c@x.example", "d@x.example"],
        ),
        ("Iqbal Rahman <iqbal@example.com>", ["iqbal@example.com"]),
        ('"Rahman, Iqbal" <iqbal@example.com>, <b@x.example>', ["iqbal@example.com", "b@x.example"]),
        ('"a \\" b; c" <a@x.example>', ["a@x.example"]),
        ("O'Brien+tag@x.example", ["O'Brien+tag@x.example"]),
        ("a@MÜNCHEN.example", ["a@xn--mnchen-3ya.example"]),
    ],
)
def test_lists(typed: str, expected: list[str]) -> None:
    assert specs(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "iqbal",
        "@x.example",
        "a@",
        "a b@x.example",
        "a@x..example",
        "<a@x.example",
        "a@x.example <",
        "<>",
        "ü@x.example",
        "a@x.example\x00",
        '"a@x.example',
    ],
)
def test_what_is_no_address_is_named(typed: str) -> None:
    addresses, bad = parse(f"ok@x.example,{typed}")
    assert [address.addr_spec for address in addresses] == ["ok@x.example"]
    assert bad


def test_names_survive_being_shown_and_typed_again() -> None:
    for name in ("Iqbal", "Rahman, Iqbal", 'a "b" c', "x; y", "Müller", "back\\slash", "(note)"):
        addresses, bad = parse(shown(name, "a", "x.example"))
        assert not bad
        assert addresses[0].display_name == name


@given(st.text(max_size=100))
def test_any_text_is_read_without_an_error(typed: str) -> None:
    addresses, _ = parse(typed)
    for address in addresses:
        assert "\r" not in str(address) and "\n" not in str(address)


def test_mailto_fills_only_harmless_fields() -> None:
    fields = from_mailto(
        "a@x.example?subject=Hi%20you&cc=b@x.example&bcc=spy@x.example&attach=/etc/passwd&body=1%0A2"
    )
    assert fields == {"to": "a@x.example", "subject": "Hi you", "cc": "b@x.example", "body": "1\n2"}


def test_broken_mailto_is_no_error() -> None:
    assert from_mailto("%ff?&&=" + "a=b&" * 100)["to"]
    assert addressing.clean_name("a\r\nBcc: x") == "a Bcc: x"
