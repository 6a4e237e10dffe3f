"""Trace ids: one for each message from acceptance on, the `id` of our Received line and the key of its events."""

from __future__ import annotations

import os
import time

# Crockford's alphabet, lower case: no letter is mistaken for a digit when an id is read out on the telephone.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_RANDOM_BITS = 50

LENGTH = 20


def new_trace_id() -> str:
    """Twenty characters that sort by time: 50 bits of milliseconds, 50 of chance."""
    chance = int.from_bytes(os.urandom(7), "big") >> 6
    number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | chance
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(90, -1, -10)])
