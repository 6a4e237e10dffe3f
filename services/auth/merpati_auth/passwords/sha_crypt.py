"""SHA-crypt, the `$5$` and `$6$` hashes of /etc/shadow and of Dovecot (Drepper's specification, 2008).

Python's `crypt` module ended with 3.12.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

_FORMAT = re.compile(
    r"\$(?P<kind>[56])\$(?:rounds=(?P<rounds>\d{1,9})\$)?(?P<salt>[^$]{0,16})\$(?P<digest>[./0-9A-Za-z]+)"
)
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DEFAULT_ROUNDS = 5_000
MAX_ROUNDS = 200_000  # about half a second here; a hash that costs more is refused when it is set


@dataclass(frozen=True, slots=True)
class _Variant:
    digest: Callable[[bytes], bytes]
    size: int
    groups: tuple[tuple[int, ...], ...]
    """The digest's bytes in the order they are written, most significant first, three to four letters."""


def _groups(size: int, turn: int, tail: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The specification's table: columns a third of the digest apart, turned by `turn` from row to row."""
    third = size // 3
    rows = [tuple((column + row * turn) % 3 * third + row for column in range(3)) for row in range(third)]
    return (*rows, tail)


_SHA256 = _Variant(lambda data: hashlib.sha256(data).digest(), 32, _groups(32, 2, (31, 30)))
_SHA512 = _Variant(lambda data: hashlib.sha512(data).digest(), 64, _groups(64, 1, (63,)))


def is_hash(text: str) -> bool:
    """Whether `text` is a hash of this family that we are willing to compute."""
    match = _FORMAT.fullmatch(text)
    return match is not None and int(match["rounds"] or 0) <= MAX_ROUNDS


def verify(text: str, password: bytes) -> bool:
    """Whether `password` gives the hash `text` (of which `is_hash` was true)."""
    match = _FORMAT.fullmatch(text)
    if match is None:
        return False
    rounds = max(1_000, int(match["rounds"])) if match["rounds"] else _DEFAULT_ROUNDS
    variant = _SHA256 if match["kind"] == "5" else _SHA512
    computed = _encode(_digest(variant, password, match["salt"].encode(), rounds), variant)
    return hmac.compare_digest(computed, match["digest"])


def _digest(variant: _Variant, password: bytes, salt: bytes, rounds: int) -> bytes:
    """Steps 1 to 21 of the specification."""
    sha, size = variant.digest, variant.size
    alternate = sha(password + salt + password)
    start = password + salt + _stretch(alternate, len(password), size)
    bits = len(password)
    while bits:
        start += alternate if bits & 1 else password
        bits >>= 1
    current = sha(start)
    p = _stretch(sha(password * len(password)), len(password), size)
    s = _stretch(sha(salt * (16 + current[0])), len(salt), size)
    for number in range(rounds):
        odd = number & 1
        block = p if odd else current
        if number % 3:
            block += s
        if number % 7:
            block += p
        current = sha(block + (current if odd else p))
    return current


def _stretch(digest: bytes, length: int, size: int) -> bytes:
    return (digest * (length // size + 1))[:length]


def _encode(digest: bytes, variant: _Variant) -> str:
    letters = []
    for group in variant.groups:
        value = int.from_bytes(bytes(digest[index] for index in group), "big")
        for _ in range(len(group) + 1):
            letters.append(_ALPHABET[value & 0x3F])
            value >>= 6
    return "".join(letters)
