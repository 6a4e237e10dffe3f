"""The bounded memory, with a clock that the test moves."""

from __future__ import annotations

from merpati_auth.memory import Memory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_forgets_after_its_time_unless_used() -> None:
    clock = Clock()
    memory: Memory[int] = Memory(10, 100, clock)
    memory.remember(b"used", 1)
    memory.remember(b"unused", 2)
    clock.now = 6
    assert memory.recall(b"used", extend=True) == 1
    assert memory.recall(b"unused") == 2
    clock.now = 12
    assert memory.recall(b"used") == 1
    assert memory.recall(b"unused") is None


def test_the_longest_unused_goes_first() -> None:
    memory: Memory[int] = Memory(10, 2, Clock())
    memory.remember(b"a", 1)
    memory.remember(b"b", 2)
    memory.recall(b"a", extend=True)
    memory.remember(b"c", 3)
    assert [memory.recall(key) for key in (b"a", b"b", b"c")] == [1, None, 3]


def test_take_forgets() -> None:
    memory: Memory[int] = Memory(10, 2, Clock())
    memory.remember(b"a", 1)
    assert memory.take(b"a") == 1
    assert memory.take(b"a") is None
