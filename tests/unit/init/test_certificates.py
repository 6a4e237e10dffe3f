"""The server's own certificate follows its addresses, under a CA that stays."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from cryptography import x509

from merpati.platform import settings
from merpati_init.certificates import make_certificates


def make(data: Path, host: str) -> x509.Certificate:
    make_certificates(settings.load(data=data, myhostname="mail.example.com", host=host))
    return x509.load_pem_x509_certificate((data / "tls" / "cert.pem").read_bytes())


def subjects(leaf: x509.Certificate) -> tuple[set[str], set[str]]:
    held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names, addresses = (held.get_values_for_type(kind) for kind in (x509.DNSName, x509.IPAddress))
    return set(names), set(map(str, addresses))


def test_several_hosts(tmp_path: Path) -> None:
    leaf = make(tmp_path, "127.0.0.1, [2001:db8::5] imap.example.com")
    assert subjects(leaf) == (
        {"mail.example.com", "localhost", "imap.example.com"},
        {"127.0.0.1", "::1", "2001:db8::5"},
    )


def test_another_host_gets_another_leaf_of_the_same_ca(tmp_path: Path) -> None:
    first = make(tmp_path, "127.0.0.1")
    authority = (tmp_path / "tls" / "ca.pem").read_bytes()
    assert make(tmp_path, "127.0.0.1") == first
    second = make(tmp_path, "192.0.2.7")
    assert "192.0.2.7" in subjects(second)[1]
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority
    second.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    assert make(tmp_path, "127.0.0.1") == second  # it still fits


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "all"])
def test_everywhere_is_no_name(tmp_path: Path, host: str) -> None:
    names, addresses = subjects(make(tmp_path, host))
    assert names == {"mail.example.com", "localhost"}
    assert addresses >= {"127.0.0.1", "::1"}
    assert not any(ipaddress.ip_address(address).is_unspecified for address in addresses)


def test_a_leaf_of_another_owner_is_kept(tmp_path: Path) -> None:
    first = make(tmp_path, "127.0.0.1")
    (tmp_path / "tls" / "ca-key.pem").unlink()
    assert make(tmp_path, "192.0.2.7") == first
