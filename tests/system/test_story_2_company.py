"""Story 2: tito submits; iqbal reads by IMAP, by POP3 and in the browser, and answers; tito, in IDLE, hears of it."""

from __future__ import annotations

import threading

import pytest

from tests.system.browser import browser, read, reply
from tests.system.clients import (
    Idler,
    curl,
    fetchmail,
    imap,
    mbsync,
    pop,
    submit,
    swaks,
    wait_for_mail,
    write,
)

TITO, IQBAL = "tito@example.com", "iqbal@example.com"


@pytest.fixture(scope="module", autouse=True)
def titos_mail(company):
    """What all of this module is about."""
    swaks(company, TITO, IQBAL, "Rapat besok", "Jam 9 di ruang rapat ya.\n")
    wait_for_mail(company, IQBAL, "Rapat besok")


def test_iqbal_reads_it_by_imap_with_mbsync(company, tmp_path):
    (message,) = [m for m in mbsync(company, IQBAL, tmp_path) if m["Subject"] == "Rapat besok"]
    assert "Jam 9" in message.get_content()
    assert message["From"] == TITO


def test_iqbal_reads_it_by_imap_with_curl(company):
    assert "Jam 9 di ruang rapat ya." in curl(company, IQBAL, "INBOX;UID=1")


def test_iqbal_reads_it_by_pop3_with_fetchmail(company, tmp_path):
    (message,) = [m for m in fetchmail(company, IQBAL, tmp_path) if m["Subject"] == "Rapat besok"]
    assert "Jam 9" in message.get_content()


def test_iqbal_reads_it_by_pop3_with_poplib(company):
    with pop(company, IQBAL) as client:
        count, _ = client.stat()
        lines = [line for number in range(1, count + 1) for line in client.retr(number)[1]]
    assert b"Jam 9 di ruang rapat ya." in lines


def test_mail_by_implicit_tls_arrives_too(company):
    swaks(company, TITO, IQBAL, "Lewat 465", tls=False)
    submit(company, write(TITO, IQBAL, "Lewat smtplib", "Dari Python.\n"))
    wait_for_mail(company, IQBAL, "Lewat 465")
    assert "Dari Python." in wait_for_mail(company, IQBAL, "Lewat smtplib").get_content()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_iqbal_answers_in_the_browser_and_tito_in_idle_hears_of_it(company, javascript):
    with imap(company, TITO) as client:
        idler = Idler(client)
        heard: list[float] = []
        listener = threading.Thread(target=lambda: heard.append(idler.hears(b"EXISTS", 60)))
        with browser(company, IQBAL, javascript=javascript) as page:
            assert "Jam 9" in read(page, "Rapat besok")
            listener.start()
            reply(page, f"Baik, Pak ({javascript}).")
        listener.join(10)  # ten times the second it should take
        assert heard, "tito's client heard nothing"
        idler.done()
    answer = wait_for_mail(company, TITO, "Re: Rapat besok")
    assert answer["In-Reply-To"]
    assert f"Baik, Pak ({javascript})." in answer.get_content()
    assert wait_for_mail(company, IQBAL, "Re: Rapat besok", folder="Sent")


def test_the_trail_of_the_mail_is_told(company):
    trace = company.command("trace", IQBAL)
    assert TITO in trace
    assert "delivered" in trace.lower()
