"""What is measured: each row gives one number for one server in one round."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.imap import Imap
from bench.servers import ADDRESS, DOMAIN, UNCACHED, Dovecot, Merpati, Postfix

MESSAGES = 10_000
"""In the folder that SELECT and FETCH are measured on."""

Mta = Merpati | Postfix
Mua = Merpati | Dovecot


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    title: str
    unit: str
    measure: Callable[[Mta, int], float] | Callable[[Mua, int], float]
    peer: str
    """`postfix`, or `dovecot`."""

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s")


def message(number: int, size: int = 3_000) -> bytes:
    """A plausible message."""
    head = (
        f"Return-Path: <tito@{DOMAIN}>\r\nReceived: from kantor.example.com (kantor.example.com [192.0.2.7])\r\n"
        f"\tby mail.{DOMAIN} with ESMTPS id 4ZxQ{number}\r\n\tfor <{ADDRESS}>; Mon, 23 Nov 2026 09:00:00 +0700\r\n"
        f"From: Tito Pranoto <tito@{DOMAIN}>\r\nTo: Iqbal Hakim <{ADDRESS}>\r\n"
        f"Subject: Laporan penjualan nomor {number}\r\nDate: Mon, 23 Nov 2026 09:00:00 +0700\r\n"
        f"Message-ID: <{number}.laporan@kantor.{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
    )
    line = "Penjualan minggu ini naik sedikit dibanding minggu lalu, rincian di bawah.\r\n"
    return (head + line * ((size - len(head)) // len(line))).encode()


# Taking mail in


def accept(sessions: int, count: int) -> Callable[[Mta, int], float]:
    """Messages of 4 KB a second that are acknowledged, sent by Postfix's own smtp-source."""

    def measure(server: Mta, _round: int) -> float:
        seconds = _send(server, sessions, count)
        _settle(server)
        return count / seconds

    return measure


def deliver(sessions: int, count: int) -> Callable[[Mta, int], float]:
    """Messages of 4 KB a second from the first connection until the last lies in the mailbox."""

    def measure(server: Mta, _round: int) -> float:
        before = server.delivered()
        started = time.perf_counter()
        _send(server, sessions, count)
        while server.delivered() < before + count:
            time.sleep(0.01)
        return count / (time.perf_counter() - started)

    return measure


def _send(server: Mta, sessions: int, count: int) -> float:
    words = ["smtp-source", "-s", str(sessions), "-m", str(count), "-l", "4096", "-f", f"tito@{DOMAIN}"]
    started = time.perf_counter()
    subprocess.run([*words, "-t", ADDRESS, f"inet:127.0.0.1:{server.smtp}"], check=True, capture_output=True)
    return time.perf_counter() - started


def _settle(server: Mta) -> None:
    """Wait until nothing more is delivered, so that no row pays for another."""
    last = -1
    while (now := server.delivered()) != last:
        last = now
        time.sleep(0.5)


# Reading it


def login(server: Mua, _round: int) -> float:
    """Connections a second that log in and out, the password known to the server's cache."""
    count = 200
    for _ in range(5):
        _log_in_and_out(server, ADDRESS)
    started = time.perf_counter()
    for _ in range(count):
        _log_in_and_out(server, ADDRESS)
    return count / (time.perf_counter() - started)


def first_login(server: Mua, round_: int) -> float:
    """Logins a second of people whose passwords no cache knows (argon2id, 19 MiB, t=2, p=1)."""
    share = UNCACHED // 6
    people = [f"u{number}@{DOMAIN}" for number in range(round_ * share, (round_ + 1) * share)]
    started = time.perf_counter()
    for address in people:
        _log_in_and_out(server, address)
    return len(people) / (time.perf_counter() - started)


def _log_in_and_out(server: Mua, address: str) -> None:
    with Imap(server.imap) as client:
        client.login(address)
        client.command(b"LOGOUT")


def timed(command: bytes, count: int) -> Callable[[Mua, int], float]:
    """The median time of a command in the large folder, in milliseconds."""

    def measure(server: Mua, _round: int) -> float:
        with Imap(server.imap) as client:
            client.login(ADDRESS)
            client.command(b"SELECT Besar")
            client.command(command)
            return _median_ms(lambda: client.command(command), count)

    return measure


def append(server: Mua, round_: int) -> float:
    """The median time until a message of 3 KB is stored, in milliseconds."""
    content = message(round_)
    with Imap(server.imap) as client:
        client.login(ADDRESS)
        return _median_ms(lambda: client.append("Kecil", content), 100)


def idle(server: Mua, round_: int) -> float:
    """The median time from the end of an APPEND's bytes until another client in IDLE hears of it, in milliseconds."""
    content = message(round_)
    with Imap(server.imap) as listener, Imap(server.imap) as writer:
        for client in (listener, writer):
            client.login(ADDRESS)
        listener.command(b"SELECT Kecil")
        listener.idle()

        def one() -> None:
            writer.append("Kecil", content)
            listener.hear(b"EXISTS")

        result = _median_ms(one, 10)
        listener.done()
        return result


def _median_ms(action: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def fill(server: Mua) -> None:
    """Make the folders that the rows use."""
    with Imap(server.imap) as client:
        client.login(ADDRESS)
        for folder in (b"Besar", b"Kecil"):
            client.command(b"CREATE " + folder)
        for number in range(MESSAGES):
            client.append("Besar", message(number))
        client.command(b"SELECT Besar")
        for command in (
            b"FETCH 1:* (FLAGS)",
            b"FETCH 1:* (ENVELOPE)",
        ):  # what a cache learns at the first look
            client.command(command)


ROWS = (
    Row("accept-1", "accept, 1 session", "messages/s", accept(1, 200), "postfix"),
    Row("accept-10", "accept, 10 sessions", "messages/s", accept(10, 1000), "postfix"),
    Row("accept-50", "accept, 50 sessions", "messages/s", accept(50, 1000), "postfix"),
    Row("deliver-1", "accept and deliver, 1 session", "messages/s", deliver(1, 200), "postfix"),
    Row("deliver-10", "accept and deliver, 10 sessions", "messages/s", deliver(10, 1000), "postfix"),
    Row("deliver-50", "accept and deliver, 50 sessions", "messages/s", deliver(50, 1000), "postfix"),
    Row("login", "login and logout, cached", "logins/s", login, "dovecot"),
    Row("first-login", "login and logout, uncached", "logins/s", first_login, "dovecot"),
    Row("select", "SELECT, 10,000 messages", "ms", timed(b"SELECT Besar", 30), "dovecot"),
    Row("flags", "FETCH 1:* (FLAGS), 10,000 messages", "ms", timed(b"FETCH 1:* (FLAGS)", 10), "dovecot"),
    Row(
        "envelope",
        "FETCH 1:* (ENVELOPE), 10,000 messages",
        "ms",
        timed(b"FETCH 1:* (ENVELOPE)", 5),
        "dovecot",
    ),
    Row("append", "APPEND of 3 KB, p50", "ms", append, "dovecot"),
    Row("idle", "APPEND until another client in IDLE hears", "ms", idle, "dovecot"),
    Row("noop", "NOOP", "ms", timed(b"NOOP", 200), "dovecot"),
)
