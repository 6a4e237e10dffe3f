"""The certificates of a server that was given none: a CA of its own, made once, and a leaf that follows `host`."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from merpati.platform.settings import Settings, words
from merpati_init.secrets import write_private

_CA_DAYS, _LEAF_DAYS, _RENEW_DAYS = 3650, 820, 60
_EVERYWHERE = frozenset({"0.0.0.0", "::", "*", "all"})  # noqa: S104 - recognised, not listened on
_OUTSIDE = ("192.0.2.1", "2001:db8::1")
"""Addresses of documentation (RFC 5737, RFC 3849): asked for a route to, never sent anything."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Issuer:
    """Our CA."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make_certificates(settings: Settings) -> None:
    """Make the CA once, and a leaf wherever there is none that fits; a configured one is used instead of both.

    Clients trust the CA: it stays. The leaf is made again when `host` or `myhostname` has changed, or its end is near.
    """
    directory = settings.data / "tls"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    names, addresses = _names(settings), _addresses(settings)
    if _fits(directory / "cert.pem", names, addresses) or not _ours(directory):
        return
    issuer = _issuer(directory, settings.myhostname)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(issuer, key, settings.myhostname, [*names, *addresses])
    write_private(directory / "key.pem", _pem(key))
    chain = (leaf, issuer.certificate)
    write_private(
        directory / "cert.pem", b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    )


def _ours(directory: Path) -> bool:
    """Whether the leaf is one to replace: where its owner took the CA's key away, or put another there, it is not."""
    return (directory / "ca-key.pem").exists() or not (directory / "cert.pem").exists()


def _fits(path: Path, names: Iterable[str], addresses: Iterable[Address]) -> bool:
    if not path.exists():
        return False
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    if leaf.not_valid_after_utc - _now() < datetime.timedelta(days=_RENEW_DAYS):
        return False
    try:
        held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(names) <= set(held.get_values_for_type(x509.DNSName)) and set(addresses) <= set(
        held.get_values_for_type(x509.IPAddress)
    )


def _issuer(directory: Path, hostname: str) -> Issuer:
    """The CA, made where there is none."""
    certificate_path, key_path = directory / "ca.pem", directory / "ca-key.pem"
    if certificate_path.exists() and key_path.exists():
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # we made it
        return Issuer(x509.load_pem_x509_certificate(certificate_path.read_bytes()), key)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Merpati CA of {hostname}")
    may = ("digital_signature", "key_cert_sign", "crl_sign")
    may_not = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = dict.fromkeys(may, True) | dict.fromkeys((*may_not, "encipher_only", "decipher_only"), False)
    certificate = (
        _builder(name, name, key, _CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(key_path, _pem(key))
    write_private(certificate_path, certificate.public_bytes(serialization.Encoding.PEM))
    return Issuer(certificate, key)


def _leaf(
    issuer: Issuer, key: ec.EllipticCurvePrivateKey, hostname: str, subjects: Iterable[str | Address]
) -> x509.Certificate:
    names = [x509.DNSName(one) if isinstance(one, str) else x509.IPAddress(one) for one in subjects]
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    return (
        _builder(_name(hostname), issuer.certificate.subject, key, _LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    begin = _now() - datetime.timedelta(hours=1)  # clients' clocks
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _names(settings: Settings) -> list[str]:
    """Host names that clients may use."""
    hosts = [word for word in words(settings.host) if word not in _EVERYWHERE and not _address(word)]
    return list(dict.fromkeys([settings.myhostname, "localhost", *hosts]))


def _addresses(settings: Settings) -> list[Address]:
    """Addresses that clients may use: loopback, those of `host`, and where that is all, this machine's own."""
    hosts = ["127.0.0.1", "::1", *words(settings.host)]
    if _EVERYWHERE & set(hosts):
        hosts += _own_addresses()
    found = [address for word in hosts if word not in _EVERYWHERE and (address := _address(word))]
    return list(dict.fromkeys(found))


def _address(word: str) -> Address | None:
    try:
        return ipaddress.ip_address(word.strip("[]"))
    except ValueError:
        return None


def _own_addresses() -> list[str]:
    """This machine's addresses towards the outside: the ones it would send from."""
    found = []
    for family, outside in zip((socket.AF_INET, socket.AF_INET6), _OUTSIDE, strict=True):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((outside, 9))
            found.append(sock.getsockname()[0])
    return found


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
