"""Retry times: Postfix's, from the age of the message alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from merpati.queue import RetryPolicy

BORN = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
POLICY = RetryPolicy(minimal=300.0, maximal=4_000.0)
LIFE = timedelta(days=5)


def wait(age: float) -> float | None:
    now = BORN + timedelta(seconds=age)
    next_at = POLICY.next_at(BORN, BORN + LIFE, now)
    return None if next_at is None else (next_at - now).total_seconds()


def test_it_waits_as_long_as_it_has_waited_within_bounds() -> None:
    assert [wait(age) for age in (0, 299, 300, 600, 1_200, 3_999, 100_000)] == [
        300,
        300,
        300,
        600,
        1_200,
        3_999,
        4_000,
    ]


def test_the_last_try_falls_on_the_end_of_the_lifetime() -> None:
    assert wait(LIFE.total_seconds() - 1_000) == 1_000
    assert wait(LIFE.total_seconds() - 10) == 300


def test_a_message_is_given_up_after_its_lifetime() -> None:
    assert wait(LIFE.total_seconds()) is None
    assert wait(LIFE.total_seconds() + 1) is None


@given(st.floats(0, LIFE.total_seconds() - 1))
def test_every_wait_is_within_the_bounds(age: float) -> None:
    waited = wait(age)
    assert waited is not None
    assert 299.999 <= waited <= 4_000.001


def test_a_clock_that_went_back_waits_the_minimum() -> None:
    assert wait(-3_600) == 300
