"""Secrets and certificates: made once, kept, never printed."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from merpati.platform.settings import Settings

ROLES = ("smtp", "outbound", "imap", "webmail", "auth", "worker")

# postgres_<role>: database passwords; internal_token: between services and auth's internal HTTP;
# verdict_key, cookie_key, credential_key: HMAC keys; postmaster_password: the first administrator's.
_NAMES = (
    *(f"postgres_{role}" for role in ("owner", *ROLES)),
    "internal_token",
    "verdict_key",
    "cookie_key",
    "credential_key",
    "postmaster_password",
)


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 durably, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def make_secrets(settings: Settings) -> None:
    """Make each secret that does not exist yet."""
    settings.secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _NAMES:
        path = settings.secrets_dir / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24 if name == "postmaster_password" else 32).encode())


def make_certificates(settings: Settings) -> None:
    """Make a CA and a certificate for this host, once; a configured `tls_certificate` is used instead."""
    directory = settings.data / "tls"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (directory / "cert.pem").exists():
        return
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Merpati CA of {settings.myhostname}"[:64])]
    )
    ca = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    names = dict.fromkeys([settings.myhostname, "localhost", *_plain_names(settings.host)])
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, settings.myhostname[:64])]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=820))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *(x509.DNSName(name) for name in names),
                    *(x509.IPAddress(address) for address in _addresses(settings.host)),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    write_private(directory / "ca-key.pem", _pem(ca_key))
    write_private(directory / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
    write_private(directory / "key.pem", _pem(key))
    write_private(
        directory / "cert.pem", b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (leaf, ca))
    )


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    with contextlib.suppress(ValueError):  # a name, not an address
        found.add(ipaddress.ip_address(host.strip("[]")))
    return sorted(found, key=str)


def _plain_names(host: str) -> list[str]:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return [host] if host else []
    return []


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
