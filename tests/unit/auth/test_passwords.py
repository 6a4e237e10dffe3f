"""Hash schemes against published vectors and the hashes of other servers."""

from __future__ import annotations

import base64
import hashlib

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from merpati.platform.errors import Invalid, Throttled
from merpati_auth.passwords import schemes, sha_crypt
from merpati_auth.passwords.pool import HashPool

# From Drepper's "Unix crypt using SHA-256 and SHA-512", the test vectors at its end.
VECTORS = [
    "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    "$6$rounds=10000$saltstringsaltst$"
    "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
]


@pytest.mark.parametrize("stored", VECTORS)
def test_sha_crypt_vectors(stored: str) -> None:
    assert schemes.verify(stored, "Hello world!")
    assert schemes.verify(f"{{CRYPT}}{stored}", "Hello world!")
    assert not schemes.verify(stored, "Hello world")


@given(st.text(max_size=90), st.sampled_from(["$5$", "$6$"]))
def test_sha_crypt_tells_passwords_apart(password: str, prefix: str) -> None:
    crypt = pytest.importorskip("crypt")  # gone with Python 3.13
    if "\0" in password:
        return
    stored = crypt.crypt(password, f"{prefix}rounds=1000$pepper")
    assert sha_crypt.verify(stored, password.encode())
    assert not sha_crypt.verify(stored, password.encode() + b"x")


def dovecot(scheme: str, name: str, salt: bytes) -> str:
    digest = hashlib.new(name, b"rahasia" + salt).digest() + salt
    return f"{{{scheme}}}{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "stored",
    [
        dovecot("SSHA", "sha1", b"salt"),
        dovecot("SSHA256", "sha256", b"salt"),
        dovecot("SSHA512", "sha512", b"saltsalt"),
        dovecot("SHA", "sha1", b""),
        dovecot("sha256.b64", "sha256", b""),
        "{ARGON2ID}" + PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("rahasia"),
    ],
)
def test_other_servers_hashes(stored: str) -> None:
    accepted = schemes.accept(stored)
    assert schemes.verify(accepted, "rahasia")
    assert not schemes.verify(accepted, "rahasia2")
    assert schemes.is_outdated(accepted)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "rahasia",
        "{PLAIN}rahasia",
        "{MD5}xxxx",
        "{SSHA}not base64",
        "{SSHA}" + base64.b64encode(b"short").decode(),
        "$1$abc$def",
        "$6$rounds=999999999$salt$" + "x" * 86,
        "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=1024,t=99999,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
    ],
)
def test_hashes_that_are_refused(stored: str) -> None:
    with pytest.raises(Invalid):
        schemes.accept(stored)
    assert not schemes.verify(stored, "rahasia")


def test_ours_is_argon2id_of_19_mib() -> None:
    stored = schemes.make("rahasia")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert schemes.verify(stored, "rahasia")
    assert not schemes.is_outdated(stored)


async def test_a_full_pool_asks_to_come_back() -> None:
    pool = HashPool(workers=1, waiting=0)
    with pytest.raises(Throttled):
        await pool.make("rahasia")
    pool.close()


async def test_nobodys_password_is_wrong() -> None:
    pool = HashPool(workers=1)
    assert not await pool.verify(None, "nobody's password")
    pool.close()
