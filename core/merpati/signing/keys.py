"""DKIM keys: made, stored as PEM, and published as a TXT record (RFC 6376 3.6.1, RFC 8463 4)."""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from merpati.platform.errors import Invalid

RSA_BITS = 2048
"""RFC 8301 3.2: at least 1024, should be 2048; more does not fit everywhere."""


class Algorithm(enum.Enum):
    """`a=` of a signature."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A domain's private key and the selector under which its public half stands in the DNS."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ED25519 if isinstance(self.private, Ed25519PrivateKey) else Algorithm.RSA

    def signature(self, data: bytes, digest: bytes) -> bytes:
        """Sign `data`, whose SHA-256 is `digest`: Ed25519 signs the digest (RFC 8463 3)."""
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(digest)
        return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def pem(self) -> bytes:
        """The private key, PKCS #8, not encrypted: keep it where secrets are kept."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def generate(domain: str, selector: str, algorithm: Algorithm) -> DkimKey:
    """A new key."""
    if algorithm is Algorithm.ED25519:
        return DkimKey(domain, selector, Ed25519PrivateKey.generate())
    return DkimKey(domain, selector, generate_private_key(65537, RSA_BITS))


def load(domain: str, selector: str, pem: bytes) -> DkimKey:
    """A key from its PEM. Raises `Invalid` where it is neither RSA nor Ed25519."""
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise Invalid(f"the DKIM key {selector} of {domain} cannot be read") from error
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise Invalid(f"the DKIM key {selector} of {domain} is neither RSA nor Ed25519")
    return DkimKey(domain, selector, private)


def public_record(key: DkimKey) -> tuple[str, str]:
    """Name and text of the TXT record that publishes the key."""
    public = key.private.public_key()
    if isinstance(key.private, Ed25519PrivateKey):
        kind = "ed25519"
        octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        kind = "rsa"
        octets = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    text = f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"
    return f"{key.selector}._domainkey.{key.domain}", text
