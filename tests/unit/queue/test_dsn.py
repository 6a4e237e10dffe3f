"""A report is a well-formed message whatever the remote server, the addresses and the original say."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from merpati.queue import Failure
from merpati.queue.dsn import FailedRecipient, Notice, build
from tests.queueing import MESSAGE

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
REFUSED = Failure(
    "5.1.1", "The mail server mx refused the message.", "550 5.1.1 no such user", "mx.example.net"
)


def notice(
    *failures: FailedRecipient,
    original: bytes = MESSAGE,
    whole: bool = False,
    expired: bool = False,
    to: str = "tito@example.com",
) -> Notice:
    return Notice(
        to=to,
        hostname="mail.example.com",
        trace_id="0report",
        about="0message",
        arrived=NOW,
        now=NOW,
        expired=expired,
        sender="tito@example.com",
        failures=failures or [FailedRecipient("sari@example.net", None, REFUSED)],
        original=original,
        whole=whole,
    )


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def groups(message: EmailMessage) -> list[EmailMessage]:
    part = next(
        part
        for part in message.walk()
        if "delivery-status" in part.get_content_type() and part is not message
    )
    payload = part.get_payload()
    assert isinstance(payload, list)
    return payload


def test_a_report_is_what_rfc_3464_says() -> None:
    message = parse(build(notice()))
    assert message.get_content_type() == "multipart/report"
    assert message["auto-submitted"] == "auto-replied"
    assert message["in-reply-to"] == message["references"] == "<1@example.com>"
    text, status, header = message.iter_parts()
    assert [part.get_content_type() for part in (text, status, header)] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    about, recipient = groups(message)
    assert about["reporting-mta"] == "dns; mail.example.com"
    assert parsedate_to_datetime(about["arrival-date"]) == NOW
    assert recipient["final-recipient"] == "rfc822; sari@example.net"
    assert recipient["action"] == "failed"
    assert recipient["status"] == "5.1.1"
    assert recipient["remote-mta"] == "dns; mx.example.net"
    assert recipient["diagnostic-code"] == "smtp; 550 5.1.1 no such user"
    assert "Subject: Cuti" in header.get_payload()
    assert "Halo." not in build(notice()).decode()


def test_each_recipient_has_a_group_of_its_own() -> None:
    aliased = FailedRecipient("sari@example.net", "apotek@example.com", REFUSED)
    ours = FailedRecipient("x@nowhere.example", None, Failure("5.1.2", "The domain does not exist."))
    _, first, second = groups(parse(build(notice(aliased, ours))))
    assert first["original-recipient"] == "rfc822; apotek@example.com"
    assert second["diagnostic-code"] == "X-Merpati; The domain does not exist."
    assert second["remote-mta"] is None


def test_the_postmaster_gets_the_whole_message() -> None:
    *_, attached = parse(build(notice(whole=True, to="postmaster@example.com"))).iter_parts()
    assert attached.get_content_type() == "message/rfc822"
    assert attached.get_payload(0).get_content() == "Halo.\r\n.\r\nSampai nanti.\r\n"


def test_addresses_outside_ascii_take_the_global_form() -> None:
    data = build(notice(FailedRecipient("särî@example.net", None, REFUSED)))
    message = parse(data)
    assert any(part.get_content_type() == "message/global-delivery-status" for part in message.walk())
    assert "utf-8; särî@example.net".encode() in data


def test_a_remote_server_cannot_write_headers_into_the_report() -> None:
    evil = Failure(
        "5.0.0", "Refused.", "550 no\r\nX-Evil: 1\r\n\r\n--=0report\r\n\r\nevil", "mx\r\nX-Evil: 2"
    )
    message = parse(build(notice(FailedRecipient("sari@example.net\r\nX-Evil: 3", None, evil))))
    assert len(list(message.iter_parts())) == 3
    assert all("x-evil" not in group for group in groups(message))


@given(st.text(max_size=3_000), st.binary(max_size=2_000), st.booleans(), st.booleans())
def test_any_words_and_any_original_give_a_readable_report(
    words: str, original: bytes, whole: bool, expired: bool
) -> None:
    failure = Failure("4.0.0", "It did not work.", words, "mx.example.net")
    data = build(
        notice(
            FailedRecipient("sari@example.net", None, failure),
            original=original,
            whole=whole,
            expired=expired,
        )
    )
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message["to"].addresses[0].addr_spec == "tito@example.com"
    text = next(iter(message.iter_parts()))  # type: ignore[union-attr]
    assert "It did not work." in text.get_content()
