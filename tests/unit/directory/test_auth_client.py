"""`AuthClient` against a scripted auth service on a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from merpati.directory import AuthClient, Verdict
from merpati.platform.errors import BadCredentials, Throttled, Unavailable
from merpati.platform.settings import Settings

TITO = Verdict(7, "tito@a.example", "user", True, 1, "Tito", "id")


class FakeAuth:
    """Answers `status` (or, for the password `s3same`, TITO's verdict) and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 401
        self.questions: list[dict[str, str]] = []
        self.tokens: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
            fields = {name.lower(): value for name, value in fields.items()}
            self.tokens.add(fields["authorization"])
            self.questions.append(json.loads(await reader.readexactly(int(fields["content-length"]))))
            await self.gate.wait()
            right = self.questions[-1]["password"] == "s3same"
            body = json.dumps(asdict(TITO)).encode() if right else b"{}"
            status = 200 if right else self.status
            writer.write(
                b"HTTP/1.1 %d X\r\nRetry-After: 9\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
            )


@pytest.fixture
async def auth(tmp_path: Path) -> AsyncIterator[tuple[FakeAuth, Settings]]:
    settings = Settings(data=tmp_path, auth_url=f"unix:{tmp_path / 'auth.sock'}")
    settings.secrets_dir.mkdir()
    for name in ("internal_token", "verdict_key"):
        (settings.secrets_dir / name).write_text(f"the {name}")
    fake = FakeAuth()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await fake.serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "auth.sock"):
        yield fake, settings


async def ask(client: AuthClient, password: str, service: str = "imap") -> Verdict:
    return await client.verify("tito@a.example", password, service=service, client="192.0.2.1")


async def test_right_and_wrong_are_remembered_until_dropped(auth: tuple[FakeAuth, Settings]) -> None:
    fake, settings = auth
    client = AuthClient(settings)
    for _ in range(3):
        assert await ask(client, "s3same") == TITO
        with pytest.raises(BadCredentials):
            await ask(client, "wrong")
    assert len(fake.questions) == 2
    assert fake.tokens == {"Bearer the internal_token"}
    await ask(client, "s3same", "pop3")  # another service is another question: app passwords have scopes
    client.drop()
    await ask(client, "s3same")
    assert len(fake.questions) == 4
    assert b"s3same" not in repr(client.__dict__).encode()
    await client.close()


async def test_remembered_no_longer_than_its_time(auth: tuple[FakeAuth, Settings]) -> None:
    fake, settings = auth
    client = AuthClient(settings.model_copy(update={"auth_cache_ttl": 0.0, "auth_negative_ttl": 0.0}))
    for _ in range(2):
        await ask(client, "s3same")
    assert len(fake.questions) == 2
    await client.close()


async def test_equal_questions_are_asked_once_and_survive_the_first_asker(
    auth: tuple[FakeAuth, Settings],
) -> None:
    fake, settings = auth
    fake.gate.clear()
    client = AuthClient(settings)
    tasks = [asyncio.create_task(ask(client, "s3same")) for _ in range(5)]
    while not fake.questions:
        await asyncio.sleep(0)
    tasks[0].cancel()
    fake.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [TITO] * 4
    assert len(fake.questions) == 1
    await client.close()


async def test_an_answer_older_than_the_bell_is_not_remembered(auth: tuple[FakeAuth, Settings]) -> None:
    fake, settings = auth
    fake.gate.clear()
    client = AuthClient(settings)
    task = asyncio.create_task(ask(client, "s3same"))
    while not fake.questions:
        await asyncio.sleep(0)
    client.drop()
    fake.gate.set()
    await task
    await ask(client, "s3same")
    assert len(fake.questions) == 2
    await client.close()


async def test_other_answers(auth: tuple[FakeAuth, Settings]) -> None:
    fake, settings = auth
    client = AuthClient(settings)
    fake.status = 429
    with pytest.raises(Throttled) as throttled:
        await ask(client, "wrong")
    assert throttled.value.retry_after == 9
    fake.status = 503
    with pytest.raises(Unavailable):
        await ask(client, "wrong")
    assert len(fake.questions) == 2, "neither is remembered"
    with pytest.raises(BadCredentials):
        await ask(client, "x" * 10_000)
    assert len(fake.questions) == 2, "nobody's password is that long"
    fake.status = 401
    with pytest.raises(BadCredentials):
        await ask(client, "lone \udcff surrogate \ud800 and NUL \0")
    await client.close()


async def test_auth_away(tmp_path: Path, auth: tuple[FakeAuth, Settings]) -> None:
    client = AuthClient(auth[1].model_copy(update={"auth_url": f"unix:{tmp_path / 'nobody.sock'}"}))
    with pytest.raises(Unavailable):
        await ask(client, "s3same")
    await client.close()
