"""Verifying: what each DKIM-Signature of a message is worth (RFC 6376 6). The DNS is asked by the caller's function."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from merpati.signing.canonical import Field, relaxed_body, relaxed_header, simple_body, simple_header, split

MAX_SIGNATURES = 10
"""Signatures looked at: each costs a look-up, and hostile mail has thousands (RFC 6376 8.4)."""
MIN_RSA_BITS = 1024  # RFC 8301 3.2

TxtLookup = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the TXT records of a name, [] where there are none; raises `TimeoutError` where the DNS is silent."""

_B_VALUE = re.compile(rb"(;[ \t\r\n]*b[ \t\r\n]*=)[^;]*|(^[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome for one signature, in the words of RFC 8601 2.7.1."""

    result: str
    """pass, fail, permerror, temperror, neutral or policy."""
    domain: str
    selector: str
    reason: str = ""


class _Bad(Exception):
    """Why a signature is not good: its result and a reason."""

    def __init__(self, result: str, reason: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(slots=True)
class _Signature:
    tags: dict[str, str]
    raw: bytes

    def need(self, name: str) -> str:
        if name not in self.tags:
            raise _Bad("permerror", f"{name}= is missing")
        return self.tags[name]


async def verify(message: bytes, lookup: TxtLookup, now: float | None = None) -> list[Verification]:
    """Verify the message's signatures, at most `MAX_SIGNATURES`; none gives an empty list."""
    fields, body = split(message)
    found = [value for name, value in fields if name.strip().lower() == b"dkim-signature"]
    results = []
    for raw in found[:MAX_SIGNATURES]:
        tags = tag_list(raw.decode("ascii", "replace"))
        try:
            signature = _Signature(tags, raw)
            _check_form(signature, time.time() if now is None else now)
            await _check(signature, fields, body, lookup)
            outcome = ("pass", "")
        except _Bad as bad:
            outcome = (bad.result, str(bad))
        results.append(Verification(outcome[0], tags.get("d", ""), tags.get("s", ""), outcome[1]))
    return results


def tag_list(text: str) -> dict[str, str]:
    """`tag=value; tag=value` (RFC 6376 3.2), white space around values dropped; a repeated tag spoils the list."""
    tags: dict[str, str] = {}
    for item in text.split(";"):
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals:
            continue
        if name in tags:
            return {}
        tags[name] = value.strip()
    return tags


def _check_form(signature: _Signature, now: float) -> None:
    if signature.need("v") != "1":
        raise _Bad("permerror", "unknown version")
    domain = signature.need("d").lower()
    names = [name.strip().lower() for name in signature.need("h").split(":")]
    if "from" not in names:
        raise _Bad("permerror", "From is not signed")
    identity = signature.tags.get("i", f"@{domain}").rpartition("@")[2].lower()
    if identity != domain and not identity.endswith(f".{domain}"):
        raise _Bad("permerror", "i= is outside d=")
    expiry = signature.tags.get("x")
    if expiry is not None and (not expiry.isascii() or not expiry.isdigit() or int(expiry) < now):
        raise _Bad("fail", "the signature has expired")


async def _check(signature: _Signature, fields: Sequence[Field], body: bytes, lookup: TxtLookup) -> None:
    algorithm = signature.need("a").lower()
    if algorithm not in ("rsa-sha256", "ed25519-sha256"):  # rsa-sha1 is history (RFC 8301 3.1)
        raise _Bad("permerror", f"unknown algorithm {algorithm}")
    header_form, _, body_form = signature.tags.get("c", "simple/simple").lower().partition("/")
    body_form = body_form or "simple"
    if not {header_form, body_form} <= {"simple", "relaxed"}:
        raise _Bad("permerror", "unknown canonicalization")
    canonical = relaxed_body(body) if body_form == "relaxed" else simple_body(body)
    length = signature.tags.get("l")
    if length is not None:
        if not (length.isascii() and length.isdigit()) or int(length) > len(canonical):
            raise _Bad("permerror", "l= is wrong")
        canonical = canonical[: int(length)]
    if not hmac.compare_digest(hashlib.sha256(canonical).digest(), _base64(signature.need("bh"))):
        raise _Bad("fail", "the body was changed")
    data = _signed_data(signature, fields, header_form)
    _check_signature(algorithm, await _key(signature, lookup), data, _base64(signature.need("b")))


def _signed_data(signature: _Signature, fields: Sequence[Field], form: str) -> bytes:
    canonical = relaxed_header if form == "relaxed" else simple_header
    left: dict[bytes, list[Field]] = {}
    for name, value in fields:
        left.setdefault(name.strip().lower(), []).append((name, value))
    parts = []
    for wanted in signature.need("h").split(":"):
        present = left.get(wanted.strip().lower().encode("ascii", "replace"))
        if present:
            parts.append(canonical(*present.pop()))
    emptied = _B_VALUE.sub(lambda match: match[1] or match[2], signature.raw, count=1)
    own = next(name for name, value in fields if value == signature.raw)
    parts.append(canonical(own, emptied).rstrip(b"\r\n"))
    return b"".join(parts)


async def _key(signature: _Signature, lookup: TxtLookup) -> RSAPublicKey | Ed25519PublicKey:
    name = f"{signature.need('s')}._domainkey.{signature.need('d')}"
    try:
        records = await lookup(name)
    except TimeoutError as error:
        raise _Bad("temperror", "the key cannot be looked up now") from error
    if not records:
        raise _Bad("permerror", "no key for the signature")
    tags = tag_list(records[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        raise _Bad("permerror", "the key record is malformed")
    if not tags["p"]:
        raise _Bad("permerror", "the key was revoked")
    if "h" in tags and "sha256" not in [item.strip() for item in tags["h"].split(":")]:
        raise _Bad("permerror", "the key does not allow sha256")
    return _public(tags.get("k", "rsa"), _base64(tags["p"]))


def _public(kind: str, octets: bytes) -> RSAPublicKey | Ed25519PublicKey:
    try:
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(octets)
        key = load_der_public_key(octets)
    except ValueError as error:
        raise _Bad("permerror", "the key record is malformed") from error
    if kind != "rsa" or not isinstance(key, RSAPublicKey):
        raise _Bad("permerror", "unknown kind of key")
    if key.key_size < MIN_RSA_BITS:
        raise _Bad("policy", "the key is too short")
    return key


def _check_signature(
    algorithm: str, key: RSAPublicKey | Ed25519PublicKey, data: bytes, signature: bytes
) -> None:
    if isinstance(key, Ed25519PublicKey) != (algorithm == "ed25519-sha256"):
        raise _Bad("permerror", "key and algorithm differ")
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, hashlib.sha256(data).digest())
        else:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise _Bad("fail", "the signature is wrong") from error


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s+", "", text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Bad("permerror", "malformed base64") from error
