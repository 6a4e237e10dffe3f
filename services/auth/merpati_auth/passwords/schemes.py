"""Which hash schemes are understood: argon2id, SHA-crypt, and the salted digests that Dovecot writes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from merpati.platform.errors import Invalid
from merpati_auth.passwords import sha_crypt

# OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_ARGON2_LIMITS = {"m": 256 * 1024, "t": 10, "p": 8}
"""The dearest foreign argon2 hash that is accepted: a login must not cost a minute or a gigabyte."""

_PREFIX = re.compile(r"\{([A-Za-z0-9.-]+)\}(.*)", re.DOTALL)
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "SHA": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SSHA": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
    "SSHA256": lambda data: hashlib.sha256(data).digest(),
    "SHA512": lambda data: hashlib.sha512(data).digest(),
    "SSHA512": lambda data: hashlib.sha512(data).digest(),
}
_CRYPT = frozenset({"CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "ARGON2ID", "ARGON2I"})


def make(password: str) -> str:
    """Hash a password in the scheme of today."""
    return _ARGON2.hash(password)


def verify(stored: str, password: str) -> bool:
    """Whether `password` gives the stored hash; an unknown scheme never matches."""
    scheme, value = _split(stored)
    if _argon2_is_affordable(value):
        try:
            return _ARGON2.verify(value, password)
        except (VerificationError, InvalidHashError):
            return False
    if sha_crypt.is_hash(value):
        return sha_crypt.verify(value, password.encode())
    digest = _DIGESTS.get(scheme)
    return digest is not None and _matches(digest, scheme, value, password.encode())


def is_outdated(stored: str) -> bool:
    """Whether the hash should be replaced now that the password is known."""
    return not stored.startswith("$argon2id$") or _ARGON2.check_needs_rehash(stored)


def accept(stored: str) -> str:
    """A hash from another server, checked. Raises `Invalid` where we could not verify it, or it costs too much."""
    scheme, value = _split(stored)
    if value.startswith("$argon2"):
        known = _argon2_is_affordable(value)
    elif scheme in _DIGESTS:
        size = len(_DIGESTS[scheme](b""))
        decoded = _decode(value)
        known = decoded is not None and (len(decoded) > size if scheme[1] == "S" else len(decoded) == size)
    else:
        known = scheme in {"", *_CRYPT} and sha_crypt.is_hash(value)
    if not known:
        raise Invalid(
            "not a hash of a known scheme: argon2, SHA512-CRYPT, SHA256-CRYPT, SSHA512, SSHA256, SSHA, SHA…",
            field="password_hash",
        )
    return stored if scheme in _DIGESTS else value


def _split(stored: str) -> tuple[str, str]:
    match = _PREFIX.fullmatch(stored)
    return (match[1].upper().removesuffix(".B64"), match[2]) if match else ("", stored)


def _decode(value: str) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _matches(digest: Callable[[bytes], bytes], scheme: str, value: str, password: bytes) -> bool:
    decoded = _decode(value)
    if decoded is None:
        return False
    size = len(digest(b""))
    salt = decoded[size:] if scheme[1] == "S" else b""
    return hmac.compare_digest(digest(password + salt), decoded[:size])


def _argon2_is_affordable(value: str) -> bool:
    match = re.fullmatch(
        r"\$argon2(?:id|i|d)\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$[^$]{8,}\$[^$]{8,}", value
    )
    if match is None:
        return False
    return all(
        int(number) <= limit for number, limit in zip(match.groups(), _ARGON2_LIMITS.values(), strict=True)
    )
