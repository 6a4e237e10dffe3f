"""Story 1: a new user has Python and a clone, runs `./merpati up --demo`, and sees tito's mail reach iqbal."""

from __future__ import annotations

import stat
import subprocess

import pytest

from tests.system.browser import browser, read
from tests.system.clients import curl, swaks, wait_for_mail
from tests.system.merpati import Clone, free_offset


@pytest.fixture(scope="module")
def first_start(clone: Clone) -> subprocess.CompletedProcess[str]:
    return clone.merpati("up", "--demo", "--detach", "--port-offset", str(free_offset()))


def test_the_first_start_tells_how_it_goes_and_where_everything_is(clone, first_start):
    try:
        assert first_start.returncode == 0, first_start.stdout + first_start.stderr
        for line in ("Making a virtual environment", "Installing", "Making the database", "Merpati is ready"):
            assert line in first_start.stdout
        for address in ("tito@example.com", "iqbal@example.com", "postmaster@example.com"):
            assert address in first_start.stdout
        assert clone.merpati("status").returncode == 0
        assert stat.S_IMODE((clone.path / "data" / "ready.json").stat().st_mode) == 0o600
    finally:
        stopped = clone.merpati("down")
    assert stopped.returncode == 0
    assert clone.merpati("status").returncode == 1


def test_titos_mail_is_seen_by_a_mail_client_and_in_the_browser(company):
    swaks(company, "tito@example.com", "iqbal@example.com", "Selamat datang", "Halo Iqbal, ini Tito.\n")
    wait_for_mail(company, "iqbal@example.com", "Selamat datang")
    assert "Selamat datang" in curl(company, "iqbal@example.com", "INBOX;UID=1")
    with browser(company, "iqbal@example.com") as page:
        assert "Halo Iqbal, ini Tito." in read(page, "Selamat datang")


def test_demo_mail_to_the_outside_bounces_and_says_why(company):
    swaks(company, "tito@example.com", "somebody@example.net", "Ke luar")
    bounce = wait_for_mail(company, "tito@example.com", "Undeliver")
    assert bounce.get_content_type() == "multipart/report"
    assert "somebody@example.net" in bounce.as_string()
