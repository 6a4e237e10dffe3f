"""What `up` is asked to run: options over environment over merpati.env over defaults."""

from __future__ import annotations

import pytest

from merpati.platform.settings import Settings
from merpati_launcher.config import PORTS, Options, resolve
from merpati_launcher.errors import Refused


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("MERPATI_"):
            monkeypatch.delenv(name)


def test_default_ports_are_those_of_the_settings():
    assert {name: Settings.model_fields[f"{name}_port"].default for name in PORTS} == PORTS


def test_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "merpati.env").write_text(
        "# ports\nexport MERPATI_SMTP_PORT=25\nMERPATI_IMAP_PORT='143'\nMERPATI_RELAYHOST = \"[mx.example]:25\"\n"
    )
    monkeypatch.setenv("MERPATI_SMTP_PORT", "26")
    config = resolve(Options(tmp_path))
    assert (config.ports["smtp"], config.ports["imap"]) == (26, 143)
    assert config.setting("relayhost") == "[mx.example]:25"


def test_offset_moves_every_port(tmp_path):
    config = resolve(Options(tmp_path, port_offset=1000))
    assert dict(config.ports) == {name: port + 1000 for name, port in PORTS.items()}


def test_a_protocol_that_is_off_needs_no_ports(tmp_path, monkeypatch):
    monkeypatch.setenv("MERPATI_PROTOCOLS", "imap")
    assert not {"pop3", "pop3s"} & resolve(Options(tmp_path)).ports.keys()


def test_a_port_must_be_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv("MERPATI_SMTP_PORT", "smtp")
    with pytest.raises(Refused, match="smtp"):
        resolve(Options(tmp_path))


@pytest.mark.parametrize(
    ("host", "tls"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("10.0.0.5", True)],
)
def test_the_web_speaks_http_only_to_this_machine(tmp_path, host, tls):
    assert resolve(Options(tmp_path, host=host)).web_tls is tls


def test_demo_mail_stays_here_unless_there_is_a_way_out(tmp_path, monkeypatch):
    assert resolve(Options(tmp_path, demo=True)).environment()["MERPATI_OUTGOING"] == "off"
    monkeypatch.setenv("MERPATI_DNS_SERVER", "127.0.0.1:5353")
    assert "MERPATI_OUTGOING" not in resolve(Options(tmp_path, demo=True)).environment()
