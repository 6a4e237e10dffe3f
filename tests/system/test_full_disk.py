"""A small disk that fills up with the database on it: mail is put off, nothing is lost, and space makes all well."""

from __future__ import annotations

import contextlib
import os
import smtplib
import subprocess
from pathlib import Path

import pytest

from tests.embedded import wait_until
from tests.system.clients import write
from tests.system.load import subjects
from tests.system.merpati import Merpati

IQBAL = "iqbal@example.com"
MB = 1024**2


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 300 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "merpati-test", place],
        capture_output=True,
        text=True,
        check=False,
    )
    assert mounted.returncode == 0, f"this test mounts a small disk and needs root: {mounted.stderr}"
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _send(merpati: Merpati, subject: str, size: int = 100) -> tuple[int, bytes]:
    """Send one message; hands back the reply to it."""
    message = write("ana@example.net", IQBAL, subject, "x" * 70 + "\n")
    text = message.as_bytes(policy=message.policy.clone(linesep="\r\n")) + (b"y" * 70 + b"\r\n") * (
        size // 72
    )
    with smtplib.SMTP("127.0.0.1", merpati.port("smtp"), timeout=60) as client:
        client.ehlo("mx.example.net")
        for code, reply in (client.mail("ana@example.net"), client.rcpt(IQBAL)):
            if code >= 400:
                return code, reply
        return client.data(text)


def _fill(place: Path, leave: int) -> Path:
    """Leave `leave` bytes free."""
    ballast = place / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while os.statvfs(place).f_bavail * os.statvfs(place).f_frsize > leave:
            file.write(b"\0" * min(MB // 4, 64 * 1024))
            file.flush()
    return ballast


def _until_refused(merpati: Merpati, name: str, size: int) -> tuple[set[str], int, bytes]:
    """Send until something is refused; hands back what was acknowledged, and the refusal."""
    acknowledged: set[str] = set()
    for number in range(2_000):
        subject = f"{name}-{number}"
        try:
            code, reply = _send(merpati, subject, size)
        except (smtplib.SMTPException, OSError) as error:
            return acknowledged, 421, str(error).encode()
        if code >= 400:
            return acknowledged, code, reply
        acknowledged.add(subject)
    raise AssertionError("the disk never became full")


def test_mail_is_put_off_before_the_disk_is_full(small_disk):
    """The floor answers 452 4.3.1 while the database still has room."""
    settings = {"disk_floor": 40 * MB, "disk_floor_percent": 0, "smtp_client_rate": 0}
    with Merpati(small_disk / "data", "--demo", **settings) as merpati:
        ballast = _fill(small_disk, leave=60 * MB)
        acknowledged, code, reply = _until_refused(merpati, "floor", MB)
        assert (code, reply[:5]) == (452, b"4.3.1")
        assert acknowledged <= subjects(merpati, IQBAL)
        ballast.unlink()
        assert _send(merpati, "space")[0] == 250
        assert acknowledged | {"space"} <= subjects(merpati, IQBAL)


def test_nothing_is_lost_when_even_the_database_has_no_room(small_disk):
    """Without a floor, files and the write-ahead log hit the end of the disk."""
    settings = {"disk_floor": 0, "disk_floor_percent": 0, "smtp_client_rate": 0, "smtp_error_limit": 1_000}
    with Merpati(small_disk / "data", "--demo", **settings) as merpati:
        ballast = _fill(small_disk, leave=4 * MB)
        acknowledged, code, _ = _until_refused(merpati, "large", 200_000)
        assert 400 <= code < 500
        _fill_up(small_disk)
        more, code, _ = _until_refused(merpati, "small", 100)
        assert 400 <= code < 500
        (small_disk / "rest").unlink()
        ballast.unlink()
        wait_until(lambda: _accepts(merpati), 120, "mail taken again")
        assert acknowledged | more <= subjects(merpati, IQBAL)


def _fill_up(place: Path) -> None:
    with contextlib.suppress(OSError), (place / "rest").open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def _accepts(merpati: Merpati) -> bool:
    try:
        return _send(merpati, "again")[0] == 250
    except (smtplib.SMTPException, OSError):
        return False
