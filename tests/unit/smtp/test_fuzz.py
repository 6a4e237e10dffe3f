"""Seeded garbage at both kinds of port: whatever is sent, a line of SMTP comes back, and never a fault of ours."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import suppress

import pytest

from tests.unit.smtp.conftest import Client, OpenPost, Post

# RFC 2034: every 2xx, 4xx and 5xx has an enhanced code of its class, but the greeting and EHLO's lines.
REPLY = re.compile(
    r"220 mail\.example\.com .*|250[- ][A-Za-z0-9 .=]+|3[35]4 ?.*|([245])\d\d \1\.\d\.\d{1,2} .*"
)
WORDS = [
    b"EHLO x", b"HELO x", b"MAIL FROM:<a@b.example>", b"MAIL FROM:<>", b"RCPT TO:<KNOWN>", b"RCPT TO:<no@x.example>",
    b"DATA", b"RSET", b"NOOP", b"VRFY a", b"HELP", b"HELP MAIL", b"AUTH PLAIN", b"AUTH LOGIN", b"*", b"=", b"AGEAYg==",
    b".", b"..", b"Subject: x", b"", b"a\rb", b"a\nb", b"MAIL FROM:<a@b.example> SIZE=", b"\r\n.\r\n", b"BDAT 5 LAST",
    b"MAIL FROM:" + b"<" * 50, b"RCPT TO:<" + b"\"" * 99, b"STARTTLS x", b"EXPN", b"TURN", b"XCLIENT ADDR=1.2.3.4",
]  # fmt: skip


def garbage(chance: random.Random, known: bytes) -> bytes:
    lines = []
    for _ in range(chance.randrange(1, 25)):
        line = bytearray(chance.choice(WORDS).replace(b"KNOWN", known))
        for _ in range(chance.choice((0, 0, 0, 1, 3))):
            if line:
                line[chance.randrange(len(line))] = chance.randrange(256)
        lines.append(bytes(line))
    return chance.choice((b"\r\n", b"\r\n", b"\r\n", b"\n")).join(lines) + b"\r\n"


@pytest.mark.parametrize("seed", range(4))
async def test_garbage(open_post: OpenPost, seed: int) -> None:
    post = await open_post(smtp_client_rate=0, myhostname="mail.example.com")
    await post.account("tito")
    chance = random.Random(seed)
    for _ in range(60):
        data = garbage(chance, post.town.at("tito").encode())
        for line in await converse(post, chance, data):
            assert REPLY.fullmatch(line), (line, data)
            assert not line.startswith("451 4.3.0"), data
    client = await post.connect()
    assert (await client.say("NOOP")).startswith("250")


async def converse(post: Post, chance: random.Random, data: bytes) -> list[str]:
    """Send in random pieces, close our side, and read to the end."""
    client = await (post.secure() if chance.random() < 0.2 else post.connect())
    secure = client.writer.get_extra_info("ssl_object") is not None
    with suppress(RuntimeError, ConnectionError):  # the server may have closed by now, and rightly so
        while data:
            cut = chance.randrange(1, 40)
            client.send(data[:cut])
            data = data[cut:]
            await asyncio.sleep(0)
        if secure:  # a TLS connection is never half closed
            client.send(b"\r\n.\r\n*\r\nQUIT\r\n")
        else:
            client.writer.write_eof()
    return await everything(client)


async def everything(client: Client) -> list[str]:
    lines = []
    while line := await client.line():
        lines.append(line)
    client.close()
    return lines
