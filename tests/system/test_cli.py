"""The `merpati` command against a running server."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys

import pytest

from merpati.platform import mail_events
from merpati.platform.mail_events import MailEvent
from merpati_cli.app import main
from tests.system import rest

PASSWORD = "correct horse battery staple\n"


@pytest.fixture(scope="module")
def merpati(auth):
    """`merpati("domain", "list")`: its exit code and what it printed."""
    who = {
        "address": f"postmaster@{auth.myhostname}",
        "password": auth.secret("postmaster_password"),
    }
    ready = {"api": rest.url(auth), "ca": str(auth.data / "tls" / "ca.pem"), "postmaster": who}
    (auth.data / "ready.json").write_text(json.dumps(ready))

    def run(*words, stdin="", **environment):
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("MERPATI_")]:
                patch.delenv(name)
            for name, value in (environment or {"MERPATI_DATA": str(auth.data)}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main(words)
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return run


def ok(finished) -> str:
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_a_domain_an_account_and_an_alias(merpati):
    ok(merpati("domain", "add", "klinik.example"))
    ok(merpati("account", "add", "sari@klinik.example", "--name", "Sari", "--quota", "2G",
               "--password-stdin", stdin=PASSWORD))  # fmt: skip
    ok(merpati("alias", "add", "apotek@klinik.example", "sari@klinik.example", "x@elsewhere.example"))
    assert "2G" in ok(merpati("account", "list"))
    assert "sari@klinik.example, x@elsewhere.example" in ok(merpati("alias", "list"))
    (domain,) = json.loads(ok(merpati("domain", "list", "--json")))
    assert (domain["name"], domain["accounts"], domain["aliases"]) == ("klinik.example", 1, 1)

    shown = json.loads(ok(merpati("account", "disable", "sari@klinik.example", "--json")))
    assert shown["login_enabled"] is False
    ok(merpati("account", "enable", "sari@klinik.example"))
    ok(merpati("account", "change", "sari@klinik.example", "--quota", "none", "--no-receive"))
    ok(merpati("account", "password", "sari@klinik.example", "--password-stdin", stdin="another " + PASSWORD))
    made = json.loads(ok(merpati("app-password", "add", "sari@klinik.example", "phone", "--json")))
    assert "phone" in ok(merpati("app-password", "list", "sari@klinik.example"))
    ok(merpati("app-password", "delete", "sari@klinik.example", str(made["id"])))
    ok(merpati("alias", "change", "apotek@klinik.example", "x@elsewhere.example"))
    ok(merpati("account", "delete", "sari@klinik.example", "--yes"))
    ok(merpati("alias", "delete", "apotek@klinik.example"))
    ok(merpati("domain", "delete", "klinik.example"))


def test_the_dns_records_of_a_domain(auth, merpati):
    ok(merpati("domain", "add", "dns.example"))
    table = ok(merpati("domain", "dns", "dns.example"))
    assert f"10 {auth.myhostname}." in table
    assert "Mail for the domain comes to this server." in table
    zone = ok(merpati("domain", "dns", "dns.example", "--zone"))
    assert "_domainkey.dns.example. 3600 IN TXT" in zone
    assert '" "' in zone  # the RSA key is longer than one string
    found = json.loads(ok(merpati("domain", "dns", "dns.example", "--json")))
    assert found["zone"] == zone
    texts = [item["value"] for item in found["records"] if "._domainkey." in item["name"]]
    assert [text.partition("; p=")[0] for text in texts] == ["v=DKIM1; k=rsa", "v=DKIM1; k=ed25519"]
    assert merpati("domain", "dns", "nowhere.example").returncode == 1


def test_what_the_server_refuses_is_said_with_code_1(merpati):
    refused = merpati("domain", "add", "localhost")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("merpati: name: 'localhost' is not a full domain name")
    nothing = merpati("trace", "nobody@nowhere.example")
    assert (nothing.returncode, nothing.stderr) == (
        1,
        "merpati: nothing is known of nobody@nowhere.example\n",
    )


def test_passwords_are_no_arguments(merpati):
    refused = merpati("account", "add", "a@klinik.example")
    assert refused.returncode == 2
    assert "--password-stdin" in refused.stderr


def test_a_server_elsewhere_by_token(auth, merpati):
    with rest.postmaster(auth) as api:
        token = api.headers["Authorization"].removeprefix("Bearer ")
    there = {"MERPATI_API_URL": rest.url(auth)}
    assert json.loads(ok(merpati("status", "--json", **there, MERPATI_API_TOKEN=token)))["database"] == "up"
    assert merpati("status", **there).returncode == 2
    wrong = merpati("status", **there, MERPATI_API_TOKEN="wrong")
    assert wrong.returncode == 1 and "log in again" in wrong.stderr
    nobody = merpati("status", MERPATI_API_URL="http://127.0.0.1:1", MERPATI_API_TOKEN=token)
    assert nobody.returncode == 2 and "does not answer" in nobody.stderr


async def test_trace_tells_the_story_in_order(auth, merpati, database):
    db = await database("smtp")
    sender, recipient, trace_id = "tito@example.com", "gudang@example.net", "01jd5c0w3v7k2m9q8x4r"
    events = [
        MailEvent(
            trace_id, mail_events.ACCEPTED, sender, "<1@example.com>", {"client": "192.0.2.1", "size": 900}
        ),
        MailEvent(trace_id, mail_events.QUEUED, recipient),
        MailEvent(trace_id, mail_events.DEFERRED, recipient, None, {"reply": "451 4.3.0 \x1b[2Jcome later"}),
        MailEvent(
            trace_id, mail_events.SENT, recipient, None, {"host": "mx.example.net", "reply": "250 2.0.0 Ok"}
        ),
    ]
    async with db.transaction() as conn:
        await mail_events.log_events(conn, events)
    told = ok(merpati("trace", recipient))
    lines = told.splitlines()
    assert lines[0].split() == [trace_id, "<1@example.com>"]
    assert [line.split()[2] for line in lines[1:5]] == ["accepted", "queued", "deferred", "sent"]
    assert "from tito@example.com" in lines[1] and "client=192.0.2.1" in lines[1]
    assert lines[4].endswith("host=mx.example.net; 250 2.0.0 Ok")
    assert "\x1b" not in told
    for name in (sender, "<1@example.com>", "1@example.com", trace_id):
        assert ok(merpati("trace", name)) == told
    (story,) = json.loads(ok(merpati("trace", trace_id, "--json")))
    assert [event["kind"] for event in story["events"]] == ["accepted", "queued", "deferred", "sent"]


async def test_the_queue_is_steered(auth, merpati, database):
    db = await database("owner")
    async with db.connection() as conn:
        await conn.execute(
            "INSERT INTO queue.messages (trace_id, kind, sender, recipient, next_hop, file, prefix_len, size,"
            " eightbit, expires_at) VALUES ('01jd5c0w3v7k2m9q8x4s', 'remote', 'tito@example.com',"
            " 'gudang@example.net', 'example.net', 'spool/queue/aa/none', 0, 900, false, now() + interval '1 day')"
        )
    (entry,) = json.loads(ok(merpati("queue", "list", "--json")))
    number = str(entry["id"])
    assert (entry["state"], entry["recipient"]) == ("queued", "gudang@example.net")
    ok(merpati("queue", "hold", number))
    assert "held" in ok(merpati("queue", "list", "--recipient", "gudang@example.net"))
    ok(merpati("queue", "release", number))
    ok(merpati("queue", "retry", number))
    assert "queue waiting" in ok(merpati("status"))
    ok(merpati("queue", "delete", number, "--yes"))
    assert merpati("queue", "show", number).returncode == 1
    assert "deleted" in ok(merpati("trace", "gudang@example.net"))


def test_as_a_process(auth, merpati):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MERPATI_")}
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    command = [sys.executable, "-m", "merpati_cli"]
    status = [*command, "status", "--json", "--data", str(auth.data)]
    finished = subprocess.run(status, capture_output=True, text=True, timeout=60, env=environment, check=True)
    assert json.loads(finished.stdout)["hostname"] == auth.myhostname
    about = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, env=environment)
    for name in ("domain", "account", "alias", "app-password", "queue", "trace", "status", "check"):
        assert f" {name} " in about.stdout
