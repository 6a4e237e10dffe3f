"""Settings: the environment first, then merpati.env; Postfix's and Dovecot's words mean what they meant."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from merpati.platform import settings
from merpati.platform.addresses import listening
from merpati.platform.errors import Invalid
from merpati_launcher.config import Options, resolve


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "merpati.env").write_text(
        "MERPATI_RELAYHOST=[file.example]\nMERPATI_MYHOSTNAME=mail.file.example\n"
    )
    monkeypatch.setenv("MERPATI_DATA", str(tmp_path))
    monkeypatch.setenv("MERPATI_RELAYHOST", "[env.example]:587")
    loaded = settings.load()
    assert (loaded.relayhost, loaded.myhostname) == ("[env.example]:587", "mail.file.example")


def test_nobody_is_trusted_by_default(tmp_path: Path) -> None:
    assert settings.load(data=tmp_path).networks == ()


def test_mynetworks_takes_postfix_forms(tmp_path: Path) -> None:
    networks = settings.load(data=tmp_path, mynetworks="192.168.1.0/24, 10.0.0.7 [2001:db8::]/32").networks
    trusted = {
        a
        for a in ("192.168.1.9", "10.0.0.7", "10.0.0.8", "2001:db8::1")
        if any(ip_address(a) in n for n in networks)
    }
    assert trusted == {"192.168.1.9", "10.0.0.7", "2001:db8::1"}


def test_a_wrong_value_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        Invalid, match=r"^MERPATI_SMTP_PORT: input should be a valid integer.*; MERPATI_MYNETWORKS: "
    ):
        settings.load(data=tmp_path, smtp_port="many", mynetworks="10.0.0.300")


@pytest.mark.parametrize("name", ["HOST", "INET_INTERFACES", "LISTEN"])
def test_the_addresses_by_any_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "merpati.env").write_text(f"MERPATI_{name}=192.0.2.1\n")
    assert settings.load(data=tmp_path).host == "192.0.2.1"
    monkeypatch.setenv(f"MERPATI_{name}", "192.0.2.2")
    assert settings.load(data=tmp_path).host == "192.0.2.2"
    assert resolve(Options(data=tmp_path)).host == "192.0.2.2"


def test_mail_location_as_dovecot_writes_it(tmp_path: Path) -> None:
    assert settings.load(data=tmp_path).mail_root == tmp_path / "mail"
    assert settings.load(data=tmp_path, mail_location="maildir:/srv/mail").mail_root == Path("/srv/mail")
    for value in ("maildir:~/Maildir", "/var/mail/%u", "mbox:/var/mail", "mail"):
        with pytest.raises(Invalid, match="MERPATI_MAIL_LOCATION"):
            settings.load(data=tmp_path, mail_location=value)


@pytest.mark.parametrize(
    ("host", "protocols", "addresses"),
    [
        ("127.0.0.1, [::1]", "all", ["127.0.0.1", "::1"]),
        ("127.0.0.1 ::1", "ipv4", ["127.0.0.1"]),
        ("127.0.0.1 ::1", "ipv6", ["::1"]),
        ("*, ::", "ipv4", ["0.0.0.0"]),
        ("loopback-only", "ipv4", ["127.0.0.1"]),
        ("mail.example", "ipv6", ["mail.example"]),
    ],
)
def test_listening_addresses(tmp_path: Path, host: str, protocols: str, addresses: list[str]) -> None:
    assert listening(settings.load(data=tmp_path, host=host, inet_protocols=protocols)) == addresses


def test_no_address_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="MERPATI_HOST"):
        listening(settings.load(data=tmp_path, host="127.0.0.1", inet_protocols="ipv6"))
