"""Settings: the environment first, then merpati.env; Postfix's and Dovecot's words mean what they meant."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import ValidationError

from merpati.platform import settings


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
    with pytest.raises(ValidationError, match="smtp_port"):
        settings.load(data=tmp_path, smtp_port="many")
