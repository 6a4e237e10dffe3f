"""Story 3: mail leaves for another company's server and an answer comes back; refusals bounce, absence waits."""

from __future__ import annotations

import smtplib

import pytest

from tests.system.clients import submit, wait_for_mail, write

TITO, ANA = "tito@example.com", "ana@example.net"


def test_mail_reaches_the_other_server_and_its_answer_comes_back(connected, elsewhere):
    before = len(elsewhere.received)
    submit(connected, write(TITO, ANA, "Penawaran", "Berikut penawaran kami.\n"))
    mail = elsewhere.wait_for(before + 1)[-1]
    assert (mail.sender, mail.recipients) == (TITO, [ANA])
    assert b"Berikut penawaran kami." in mail.content
    assert b"Received:" in mail.content

    answer = b"From: Ana <ana@example.net>\r\nTo: tito@example.com\r\nSubject: Re: Penawaran\r\n\r\nTerima kasih.\r\n"
    elsewhere.send("127.0.0.1", connected.port("smtp"), ANA, [TITO], answer)
    assert "Terima kasih." in wait_for_mail(connected, TITO, "Re: Penawaran").get_content()


def test_mail_that_is_refused_bounces_with_the_reason(connected, elsewhere):
    elsewhere.behaviour.refuse_rcpt["gone@example.net"] = "550 5.1.1 Ana does not work here any more"
    submit(connected, write(TITO, "gone@example.net", "Ada di sana?"))
    bounce = wait_for_mail(connected, TITO, "Undeliver", about="gone@example.net")
    assert bounce.get_content_type() == "multipart/report"
    assert bounce.get_param("report-type") == "delivery-status"
    status = next(part for part in bounce.walk() if part.get_content_type() == "message/delivery-status")
    fields = {name.lower(): str(value) for group in status.get_payload() for name, value in group.items()}
    assert fields["action"] == "failed"
    assert fields["status"] == "5.1.1"
    assert "gone@example.net" in fields["final-recipient"]
    assert "does not work here any more" in fields["diagnostic-code"]


def test_mail_for_a_domain_that_does_not_exist_bounces(connected):
    submit(connected, write(TITO, "who@nowhere.example", "Salah alamat"))
    bounce = wait_for_mail(connected, TITO, "Undeliver", about="nowhere.example")
    assert bounce.get_content_type() == "multipart/report"


def test_mail_waits_while_the_other_server_is_down(connected, elsewhere):
    elsewhere.stop()
    before = len(elsewhere.received)
    submit(connected, write(TITO, ANA, "Nanti saja"))
    with connected.api() as api:
        queued = api.get("/queue").json()
    assert ANA in str(queued)
    elsewhere.start()
    mail = elsewhere.wait_for(before + 1)[-1]
    assert b"Nanti saja" in mail.content


def test_strangers_cannot_relay(connected, elsewhere):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        elsewhere.send(
            "127.0.0.1", connected.port("smtp"), "x@example.org", ["y@example.net"], b"Subject: spam\r\n\r\n"
        )
    (code, _), *_ = refused.value.recipients.values()
    assert 550 <= code <= 554
