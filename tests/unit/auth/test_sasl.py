"""SASL exchanges, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.platform.errors import Invalid, NotFound
from merpati_auth.sasl.exchanges import Asked, Exchanges
from merpati_auth.sasl.mechanisms import MECHANISMS, Password

SARI = Password("sari@klinik.example", "rahasia é")


def exchanges() -> Exchanges:
    return Exchanges(["plain", "login"])


def test_plain_with_and_without_initial_response() -> None:
    message = b"\0sari@klinik.example\0" + "rahasia é".encode()
    assert exchanges().begin("PLAIN", message) == SARI
    waiting = exchanges()
    asked = waiting.begin("plain", None)
    assert isinstance(asked, Asked) and asked.challenge.data == b""
    assert waiting.proceed(asked.exchange, message) == SARI


def test_login_asks_for_name_and_password() -> None:
    waiting = exchanges()
    name = waiting.begin("LOGIN", None)
    assert isinstance(name, Asked) and name.challenge.data == b"Username:"
    password = waiting.proceed(name.exchange, b"sari@klinik.example")
    assert isinstance(password, Asked) and password.challenge.data == b"Password:"
    assert waiting.proceed(password.exchange, "rahasia é".encode()) == SARI


def test_login_with_an_initial_response() -> None:
    waiting = exchanges()
    asked = waiting.begin("LOGIN", b"sari@klinik.example")
    assert isinstance(asked, Asked)
    assert waiting.proceed(asked.exchange, "rahasia é".encode()) == SARI


@pytest.mark.parametrize(
    "message",
    [b"", b"sari", b"\0sari", b"\0\0x", b"\0sari\0", b"\0a\0b\0c", b"\0sari\0\xff", b"boss\0sari\0rahasia"],
)
def test_plain_that_is_none(message: bytes) -> None:
    with pytest.raises(Invalid):
        exchanges().begin("PLAIN", message)


def test_a_response_is_taken_once() -> None:
    waiting = exchanges()
    asked = waiting.begin("LOGIN", None)
    assert isinstance(asked, Asked)
    waiting.proceed(asked.exchange, b"sari")
    with pytest.raises(NotFound):
        waiting.proceed(asked.exchange, b"sari")


@pytest.mark.parametrize("name", ["", "CRAM-MD5", "X" * 1_000])
def test_mechanisms_that_are_not_offered(name: str) -> None:
    with pytest.raises(Invalid):
        exchanges().begin(name, None)
    with pytest.raises(Invalid):
        Exchanges(["plain"]).begin("LOGIN", None)


@given(st.sampled_from(sorted(MECHANISMS)), st.lists(st.binary(max_size=3_000), max_size=4))
def test_any_responses_end_in_credentials_or_invalid(name: str, responses: list[bytes]) -> None:
    mechanism = MECHANISMS[name]()
    try:
        for response in responses:
            if isinstance(mechanism.step(response), Password):
                return
    except Invalid:
        return
