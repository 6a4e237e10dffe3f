"""Which addresses the listeners take."""

from __future__ import annotations

import pytest

from merpati.platform.settings import Settings
from merpati_imap_pop.server import _hosts


@pytest.mark.parametrize(
    ("host", "protocols", "expected"),
    [
        ("127.0.0.1", "all", ["127.0.0.1"]),
        ("127.0.0.1, ::1", "all", ["127.0.0.1", "::1"]),
        ("127.0.0.1 ::1", "ipv4", ["127.0.0.1"]),
        ("127.0.0.1 ::1", "ipv6", ["::1"]),
        ("*", "ipv4", None),
    ],
)
def test_hosts(host: str, protocols: str, expected: list[str] | None) -> None:
    settings = Settings(_env_file=None, host=host, inet_protocols=protocols)  # type: ignore[call-arg,arg-type]
    assert _hosts(settings) == expected
