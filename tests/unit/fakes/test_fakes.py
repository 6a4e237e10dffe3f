"""The fakes speak the real protocols to foreign clients, so that what passes against them means something."""

from __future__ import annotations

import smtplib

import dns.rdatatype
import dns.resolver
import pytest

from tests.fakes.dns import FakeDNS
from tests.fakes.mx import FakeMX


def asker(server: FakeDNS) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [server.host]
    resolver.port = server.port
    resolver.lifetime = 1.0
    return resolver


def test_dns_says_what_it_was_told() -> None:
    with FakeDNS() as server:
        server.mx("example.net", (20, "b.example.net"), (10, "a.example.net"))
        server.address("a.example.net", "127.0.0.2", "::1")
        server.null_mx("example.org")
        server.fail("sick.example")
        server.be_silent("dumb.example")
        ask = asker(server)
        hosts = sorted(
            (answer.preference, str(answer.exchange)) for answer in ask.resolve("example.net", "MX")
        )
        assert hosts == [(10, "a.example.net."), (20, "b.example.net.")]
        assert [str(item) for item in ask.resolve("a.example.net", "AAAA", tcp=True)] == ["::1"]
        assert str(ask.resolve("example.org", "MX")[0].exchange) == "."
        with pytest.raises(dns.resolver.NXDOMAIN):
            ask.resolve("nowhere.example", "MX")
        with pytest.raises(dns.resolver.NoAnswer):
            ask.resolve("a.example.net", "MX")
        with pytest.raises(dns.resolver.NoNameservers):
            ask.resolve("sick.example", "A")
        with pytest.raises(dns.resolver.LifetimeTimeout):
            ask.resolve("dumb.example", "A")


def test_mx_takes_mail_and_keeps_it() -> None:
    with FakeMX() as mx, smtplib.SMTP(mx.host, mx.port, timeout=10) as client:
        client.sendmail("a@example.com", ["b@example.net"], b"Subject: Titik\r\n\r\n.\r\n..\r\nhalo\r\n")
        (mail,) = mx.wait_for(1, 10)
        assert (mail.sender, mail.recipients, mail.connection) == ("a@example.com", ["b@example.net"], 1)
        assert mail.content == b"Subject: Titik\r\n\r\n.\r\n..\r\nhalo\r\n"


def test_mx_refuses_and_goes_down() -> None:
    with FakeMX() as mx:
        mx.behaviour.refuse_rcpt["gone@example.net"] = "550 5.1.1 no such user"
        with (
            smtplib.SMTP(mx.host, mx.port, timeout=10) as client,
            pytest.raises(smtplib.SMTPRecipientsRefused),
        ):
            client.sendmail("a@example.com", ["gone@example.net"], b"\r\n")
        mx.stop()
        with pytest.raises(ConnectionRefusedError):
            smtplib.SMTP(mx.host, mx.port, timeout=10)
        mx.start()
        mx.behaviour.greylist = True
        with smtplib.SMTP(mx.host, mx.port, timeout=10) as client:
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@example.com", ["b@example.net"], b"\r\n")
            client.sendmail("a@example.com", ["b@example.net"], b"\r\n")
        assert len(mx.received) == 1
