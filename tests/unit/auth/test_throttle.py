"""The throttle, with a clock that the test moves."""

from __future__ import annotations

import pytest

from merpati.platform.errors import Throttled
from merpati_auth.throttle import LONGEST_WAIT, WINDOW, Throttle

OFFICE = "192.0.2.7"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guess(throttle: Throttle, number: int, account: str = "sari@a.example", client: str = OFFICE) -> None:
    throttle.attempt(account, client, b"wrong %d" % number)


def wait_of(throttle: Throttle, account: str = "sari@a.example", client: str = OFFICE) -> float:
    with pytest.raises(Throttled) as caught:
        guess(throttle, 10_000, account, client)
    return caught.value.retry_after


def test_the_same_wrong_password_counts_once(clock: Clock) -> None:
    throttle = Throttle(3, 100, clock)
    for _ in range(50):
        guess(throttle, 1)


def test_above_the_limit_one_waits_longer_and_longer_but_never_for_ever(clock: Clock) -> None:
    throttle = Throttle(3, 100, clock)
    for number in range(3):
        guess(throttle, number)
    waits = []
    for number in range(3, 12):
        waits.append(wait_of(throttle))
        clock.now += waits[-1]
        guess(throttle, number)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert waits[-1] == LONGEST_WAIT
    clock.now += WINDOW + 1
    guess(throttle, 12)
    guess(throttle, 13)


def test_a_guesser_elsewhere_costs_the_owner_nothing(clock: Clock) -> None:
    throttle = Throttle(3, 100, clock)
    for number in range(3):
        guess(throttle, number, client="203.0.113.9")
    wait_of(throttle, client="203.0.113.200")  # the same /24
    guess(throttle, 99, client=OFFICE)


def test_one_address_that_tries_many_accounts_waits(clock: Clock) -> None:
    throttle = Throttle(3, 5, clock)
    for number in range(5):
        guess(throttle, number, account=f"a{number}@a.example")
    wait_of(throttle, account="another@a.example")
    guess(throttle, 1, account="another@a.example", client="192.0.2.8")


def test_an_ipv6_host_is_its_64_and_its_network_its_48(clock: Clock) -> None:
    throttle = Throttle(100, 3, clock)
    for number in range(3):
        guess(throttle, number, account=f"a{number}@a.example", client=f"2001:db8:1:1::{number + 1}")
    wait_of(throttle, client="2001:db8:1:1:ffff::9")
    guess(throttle, 4, client="2001:db8:1:2::1")
    by_account = Throttle(3, 100, clock)
    for number in range(3):
        guess(by_account, number, client=f"2001:db8:1:{number}::1")
    wait_of(by_account, client="2001:db8:1:9::1")
    guess(by_account, 9, client="2001:db8:2::1")


def test_an_ipv4_address_written_as_ipv6_is_the_same_client(clock: Clock) -> None:
    throttle = Throttle(100, 2, clock)
    guess(throttle, 1)
    guess(throttle, 2, client=f"::ffff:{OFFICE}")
    wait_of(throttle)


def test_a_right_password_is_taken_back(clock: Clock) -> None:
    throttle = Throttle(2, 100, clock)
    for number in range(20):
        guess(throttle, number)
        throttle.take_back("sari@a.example", OFFICE, b"wrong %d" % number)


def test_tries_at_the_same_moment_count_before_they_are_answered(clock: Clock) -> None:
    throttle = Throttle(3, 100, clock)
    with pytest.raises(Throttled):
        for number in range(4):
            guess(throttle, number)


def test_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("merpati_auth.throttle._KEYS", 100)
    throttle = Throttle(3, 100, clock)
    for number in range(1_000):
        guess(throttle, 1, account=f"a{number}@a.example", client=f"198.51.{number % 250}.1")
    assert len(throttle._counters) <= 100
