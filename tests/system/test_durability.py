"""What `kill -9` alone cannot show: the order of system calls before a 250, and an fsync that fails."""

from __future__ import annotations

import contextlib
import re
import smtplib
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from tests.embedded import Service, wait_until
from tests.town import Town, found_town

CALLS = "fsync,fdatasync,syncfs,sendto,sendmsg,recvfrom,recvmsg,read,write,writev"
LETTER = "Subject: durable\r\nMessage-ID: <durable@x>\r\n\r\nHi.\r\n"


@contextlib.contextmanager
def strace(service: Service, output: Path, *options: str) -> Iterator[None]:
    """Watch a running service; with `inject`, make its system calls fail."""
    command = ["strace", "-f", "-y", "-s", "8000", "-o", str(output), *options, "-p", str(service.pid)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert "attached" in line, line
        yield
    finally:
        process.terminate()  # strace lets go of the service
        process.wait(20)
        process.stderr.close()


@pytest.fixture
async def town(settings: Settings, database: Callable[..., Awaitable[Database]]) -> Town:
    return await found_town(settings, await database("owner"), await database("smtp"))


@pytest.fixture
def smtp(services: Callable[..., Service]) -> Service:
    return services("smtp")


def send(service: Service, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", service.settings.smtp_port, timeout=60) as client:
        client.sendmail("a@b.example", [recipient], LETTER)


def finished(text: str) -> list[str]:
    """strace's lines, each call where it ended: a call that another thread's interrupted stands in two pieces."""
    begun: dict[str, str] = {}
    lines = []
    for line in text.splitlines():
        thread, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"\s*<\.\.\. \w+ resumed>(.*)", rest)
        lines.append(begun.pop(thread, "") + resumed[1] if resumed else rest)
    return lines


def first(lines: list[str], pattern: str, after: int = -1) -> int:
    """Where the first line behind `after` stands that `pattern` finds."""
    for number, line in enumerate(lines):
        if number > after and re.search(pattern, line):
            return number
    raise AssertionError(f"{pattern} is not among the system calls:\n" + "\n".join(lines))


async def test_file_directory_commit_then_250(town: Town, smtp: Service, tmp_path: Path) -> None:
    tito = await town.account("tito")
    output = tmp_path / "strace"
    with strace(smtp, output, "-e", f"trace={CALLS}"):
        send(smtp, town.at("tito"))
        wait_until(lambda: "queued as" in output.read_text(), 20, "the reply in strace's output")
    [path] = await town.inbox(tito)
    lines = finished(output.read_text())
    root = re.escape(str(town.files.root))
    answer = first(lines, r"(write|sendto|sendmsg|writev)\(.*250 2\.0\.0 OK, queued as")
    trace_id = re.search(r"queued as (\w+)", lines[answer])
    assert trace_id is not None
    file_synced = first(lines, rf"fsync\(\d+<{root}/(spool/tmp/[^/>]+|.*{re.escape(path.name)})>\)\s+= 0")
    directory_synced = first(lines, rf"fsync\(\d+<{re.escape(str(path.parent))}>\)\s+= 0")
    asked = first(lines, rf"sendto\(.*{trace_id[1]}", max(file_synced, directory_synced))
    committed = first(lines, r"recvfrom\(.*SELECT 1\\0.*Z\\0\\0\\0\\5I", asked)
    assert file_synced < asked and directory_synced < asked < committed < answer


@pytest.mark.parametrize("what", ["file", "directory"])
async def test_a_failing_fsync_is_a_temporary_error(
    town: Town, smtp: Service, tmp_path: Path, what: str
) -> None:
    tito = await town.account("tito")
    send(smtp, town.at("tito"))  # so that the folder exists
    fault = ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO"]
    if what == "directory":  # only there
        fault += ["-P", str(town.files.maildir(tito) / "cur")]
    with strace(smtp, tmp_path / "strace", *fault), pytest.raises(smtplib.SMTPDataError) as caught:
        send(smtp, town.at("tito"))
    assert "(INJECTED)" in (tmp_path / "strace").read_text()
    assert caught.value.smtp_code == 451
    assert b"4.3.0" in bytes(caught.value.smtp_error)
    # Nothing of it is left, in folders or rows; and the sender's next try arrives.
    assert len(await town.inbox(tito)) == 1
    assert not [item for item in (town.files.root / "spool" / "tmp").iterdir() if item.is_file()]
    send(smtp, town.at("tito"))
    assert len(await town.inbox(tito)) == 2
