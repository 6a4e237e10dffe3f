"""Story 4: a postmaster makes a domain, an account and an alias by REST; sari logs in, and is later disabled."""

from __future__ import annotations

import imaplib

import pytest

from tests.embedded import wait_until
from tests.system.clients import DEADLINE, imap, submit, write

SARI, PASSWORD = "sari@klinik.example", "resep obat dan kopi pahit"


@pytest.fixture(scope="module")
def api(company):
    with company.api() as api:
        yield api


@pytest.fixture(scope="module", autouse=True)
def klinik(api):
    """klinik.example with sari, whom apotek@ reaches."""
    api.post("/domains", json={"name": "klinik.example"}).raise_for_status()
    account = {"address": SARI, "password": PASSWORD, "display_name": "Sari Dewi"}
    api.post("/accounts", json=account).raise_for_status()
    api.post("/addresses", json={"address": "apotek@klinik.example", "targets": [SARI]}).raise_for_status()


def test_sari_logs_in_at_once(company):
    with imap(company, SARI, PASSWORD) as client:
        status, _ = client.select("INBOX")
    assert status == "OK"


def test_mail_for_the_pharmacy_reaches_her(company):
    submit(company, write("tito@example.com", "apotek@klinik.example", "Resep"))
    with imap(company, SARI, PASSWORD) as client:

        def arrived():
            client.select("INBOX", readonly=True)
            return client.search(None, "SUBJECT", "Resep")[1] != [b""]

        wait_until(arrived, DEADLINE, "the prescription")


def test_an_account_that_exists_is_named(api):
    answer = api.post("/accounts", json={"address": SARI, "password": PASSWORD})
    assert answer.status_code == 409
    assert SARI in answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_disabling_her_ends_her_sessions(company, api):
    with imaplib.IMAP4_SSL(
        "localhost", company.port("imaps"), ssl_context=company.tls(), timeout=DEADLINE
    ) as client:
        client.login(SARI, PASSWORD)
        client.select("INBOX")
        api.patch(f"/accounts/{SARI}", json={"login_enabled": False}).raise_for_status()
        with pytest.raises(imaplib.IMAP4.abort):
            wait_until(lambda: client.noop() and False, DEADLINE, "the end of the session")
        client.shutdown = lambda: None  # the server has closed it
    with pytest.raises(imaplib.IMAP4.error), imap(company, SARI, PASSWORD):
        pass


def test_every_change_is_in_the_audit_log(api):
    entries = api.get("/audit").json()
    for action in ("domain.create", "account.create"):
        assert action in str(entries)


def test_the_command_line_tells_where_her_mail_went(company):
    told = company.command("trace", "apotek@klinik.example")
    assert "from tito@example.com" in told
    assert f"mailbox={SARI}" in told
    assert SARI in company.command("account", "list", "--domain", "klinik.example")


def test_a_new_sari_meets_no_old_mail(company, api):
    api.patch("/addresses/apotek@klinik.example", json={"targets": [SARI, "tito@example.com"]})
    api.delete(f"/accounts/{SARI}").raise_for_status()
    api.post("/accounts", json={"address": SARI, "password": "another person's password"}).raise_for_status()
    with imap(company, SARI, "another person's password") as client:
        assert client.select("INBOX") == ("OK", [b"0"])
    assert api.get("/addresses/apotek@klinik.example").json()["targets"] == ["tito@example.com"]
    with pytest.raises(imaplib.IMAP4.error), imap(company, SARI, PASSWORD):
        pass
