"""The pages over HTTP: sessions, forged requests, headers, what downloads look like, faults behind us."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from merpati.store import Flag
from tests.embedded import Cluster
from tests.office import PASSWORD, Office, Visitor, token

Hire = Callable[[], str]
MAIL = (
    b"From: Ayu <ayu@x.example>\r\nTo: iqbal@example.com\r\nSubject: Halo\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nApa kabar?\r\n'
    b"--b\r\nContent-Type: text/html\r\nContent-Disposition: inline; filename*=UTF-8''a%22%0D%0AX%3A%20y.html\r\n\r\n"
    b"<script>alert(1)</script>\r\n"
    b"--b\r\nContent-Type: image/svg+xml\r\nContent-ID: <logo>\r\n\r\n<svg onload='alert(1)'/>\r\n--b--\r\n"
)


def inbox(office: Office, address: str) -> str:
    return f"/mail/{office.folders(address)['INBOX'].id}"


# Sessions


def test_pages_lead_to_the_login_and_back(office: Office, visitor: Visitor, hire: Hire) -> None:
    answer = visitor.get("/settings")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fsettings")
    answer = visitor.login(hire(), next="/settings")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    assert visitor.get("/settings").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "/\tx", "evil"]
)
def test_no_redirect_leads_elsewhere(visitor: Visitor, hire: Hire, target: str) -> None:
    answer = visitor.login(hire(), next=target)
    assert answer.headers["location"] == "/"


def test_wrong_passwords_say_no_more_than_that(visitor: Visitor, hire: Hire) -> None:
    address = hire()
    for name in (address, "nobody@example.com"):
        answer = visitor.login(name, "wrong")
        assert answer.status_code == 401
        assert "The address or the password is wrong." in answer.text
        assert f'value="{name}"' in answer.text
        assert "wrong" not in re.sub("is wrong", "", answer.text), "the password must not come back"


def test_guessing_is_slowed_down_and_says_how_long(visitor: Visitor, hire: Hire) -> None:
    address = hire()
    answers = (visitor.login(address, f"guess {number}") for number in range(40))
    answer = next(answer for answer in answers if answer.status_code != 401)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert f"Please wait {answer.headers['retry-after']} seconds" in answer.text


def test_the_cookie_is_new_at_each_login_and_dead_after_logout(visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.cookies.set("merpati", "planted", domain="127.0.0.1")
    answer = visitor.login(address)
    first = visitor.cookies["merpati"]
    assert first != "planted"
    assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite=lax" in answer.headers["set-cookie"]
    visitor.submit("/settings", "/logout", {})
    visitor.cookies.set("merpati", first, domain="127.0.0.1", path="/")
    assert visitor.get("/settings").status_code == 303


def test_a_changed_password_ends_the_other_browsers(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    with Visitor(office) as other:
        other.login(address)
        assert other.get("/settings").status_code == 200
        fields = {"current": PASSWORD, "new": "kata sandi baru", "again": "kata sandi baru"}
        answer = visitor.submit("/settings", "/settings/password", fields)
        assert answer.headers["location"] == "/settings?notice=password"
        assert visitor.get("/settings").status_code == 200
        assert other.get("/settings").status_code == 303
    with Visitor(office) as third:
        assert third.login(address, PASSWORD).status_code == 401
        assert third.login(address, "kata sandi baru").status_code == 303


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        (
            {"current": "wrong", "new": "kata sandi baru", "again": "kata sandi baru"},
            403,
            "current password is wrong",
        ),
        ({"current": PASSWORD, "new": "a" * 9, "again": "b" * 9}, 422, "not the same"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, 422, "8 characters"),
    ],
)
def test_passwords_that_are_not_changed(
    visitor: Visitor, hire: Hire, fields: dict[str, str], status: int, words: str
) -> None:
    visitor.login(hire())
    answer = visitor.submit("/settings", "/settings/password", fields)
    assert answer.status_code == status
    assert words in answer.text


def test_disabling_an_account_ends_its_sessions(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    assert visitor.get("/settings").status_code == 200
    office.api("PATCH", f"accounts/{address}", json={"login_enabled": False})
    assert visitor.get("/settings").status_code == 303


def test_name_and_language_are_kept(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    visitor.submit("/settings", "/settings", {"display_name": "Iqbal <b>R</b>", "language": "id"})
    page = visitor.get("/settings").text
    assert '<html lang="id">' in page and "Kata sandi baru" in page
    assert "Iqbal &lt;b&gt;R&lt;/b&gt;" in page
    assert office.api("GET", f"accounts/{address}").json()["language"] == "id"


def test_an_account_without_a_mailbox_is_told_so(office: Office, visitor: Visitor) -> None:
    postmaster = f"postmaster@{office.settings.myhostname}"
    visitor.login(postmaster, office.settings.secret("postmaster_password"))
    assert "This account has no mailbox" in visitor.get("/").text


# Forged requests


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_from_elsewhere_are_refused(visitor: Visitor, hire: Hire, headers: dict[str, str]) -> None:
    visitor.login(hire())
    answer = visitor.submit("/folders", "/folders", {"name": "Forged"}, headers=headers)
    assert answer.status_code == 403
    assert "Forged" not in answer.text, "not offered to be sent again either"
    assert "Forged" not in visitor.get("/folders").text


def test_a_form_without_its_token_is_given_back_to_be_sent_again(visitor: Visitor, hire: Hire) -> None:
    visitor.login(hire())
    answer = visitor.post(
        "/folders", data={"name": "Stale", "csrf": "old"}, headers={"Origin": str(visitor.base_url)}
    )
    assert answer.status_code == 403
    assert 'name="name" value="Stale"' in answer.text
    retry = visitor.post("/folders", data={"name": "Stale", "csrf": token(answer)})
    assert retry.status_code == 303


def test_logins_need_their_token(visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.get("/login")
    answer = visitor.post("/login", data={"address": address, "password": PASSWORD, "csrf": "x" * 40})
    assert answer.status_code == 403
    assert visitor.get("/settings").status_code == 303


def test_a_form_after_the_session_keeps_its_words(office: Office, visitor: Visitor, hire: Hire) -> None:
    visitor.login(hire())
    csrf = token(visitor.get("/compose"))
    visitor.submit("/settings", "/logout", {})
    answer = visitor.post(
        "/compose", data={"csrf": csrf, "body": "Long\nletter", "to": "a@x.example", "action": "save"}
    )
    assert answer.status_code == 401
    assert "Long\nletter</textarea>" in answer.text


# Headers


def test_pages_allow_only_their_own_script_and_style(visitor: Visitor, hire: Hire) -> None:
    visitor.login(hire())
    answer = visitor.get("/folders")
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce and f'nonce="{nonce[1]}"' in answer.text
    assert policy.startswith("default-src 'none'")
    for word in ("unsafe", "*", "http:", "https:", "data:"):
        assert word not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! src)|<style|\son[a-z]+=|style=", answer.text)


def test_every_answer_has_a_policy(visitor: Visitor) -> None:
    for path in (
        "/login",
        "/nowhere",
        "/static/x/webmail.css",
        "/inline/x/1/1/1/x",
        "/api/v1/nowhere",
        "/robots.txt",
    ):
        answer = visitor.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        assert answer.headers["x-content-type-options"] == "nosniff", path


def test_static_files_are_kept_by_browsers_and_change_their_name(visitor: Visitor) -> None:
    path = re.search(r'href="(/static/[0-9a-f]+/webmail\.css)"', visitor.get("/login").text)
    assert path
    assert "immutable" in visitor.get(path[1]).headers["cache-control"]
    assert "immutable" not in visitor.get("/static/old/webmail.css").headers["cache-control"]


# Messages


def test_attachments_leave_as_plain_downloads(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    here = f"{inbox(office, address)}/{office.deliver(address, MAIL)}"
    visitor.login(address)
    for number in ("2", "3"):
        answer = visitor.get(f"{here}/part/{number}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "x" not in answer.headers
    assert visitor.get(f"{here}/part/9").status_code == 404
    assert visitor.get(f"{here}/part/1.1.1.1").status_code == 404
    assert visitor.get(f"{here}/message.eml").content == MAIL


def test_an_svg_is_no_inline_picture(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    html = MAIL.replace(
        b"Content-Type: text/html\r\nContent-Disposition: inline; filename*=UTF-8''a%22%0D%0AX%3A%20y.html",
        b"Content-Type: text/html",
    )
    html = html.replace(b"--b\r\n\r\nApa kabar?\r\n", b"").replace(
        b"<script>", b'<img src="cid:logo"><script>'
    )
    here = f"{inbox(office, address)}/{office.deliver(address, html)}"
    visitor.login(address)
    frame = visitor.get(f"{here}/html").text
    found = re.search(r'src="(/inline/[^"]+)"', frame)
    assert found, frame
    assert visitor.get(found[1]).status_code == 404
    assert visitor.get(found[1][:-1] + "0").status_code == 404


def test_other_peoples_mail_is_not_there(office: Office, visitor: Visitor, hire: Hire) -> None:
    mine, theirs = hire(), hire()
    here = f"{inbox(office, theirs)}/{office.deliver(theirs, MAIL)}"
    visitor.login(mine)
    for path in (
        here,
        f"{here}/html",
        f"{here}/source",
        f"{here}/part/2",
        f"{here}/message.eml",
        inbox(office, theirs),
    ):
        assert visitor.get(path).status_code == 404, path
    key = here.removeprefix("/mail/").replace("/", ".")
    assert visitor.get(f"/compose?forward={key}").status_code == 404
    answer = visitor.submit("/compose", "/compose", {"action": "save", "keep": f"{key}.2", "body": "x"})
    assert answer.status_code == 422
    answer = visitor.submit("/folders", f"{inbox(office, theirs)}/actions", {"action": "delete", "uid": "1"})
    assert answer.status_code == 404
    assert len(office.messages(theirs, "INBOX")) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\x00\xff\xfe garbage \x80",
        b"Subject: =?utf-8?b?////?=\r\nFrom: <<<>\r\nDate: yesterday\r\n\r\n\xe9",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: multipart/alternative; boundary=y",
        b"Content-Type: text/html; charset=klingon\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny",
        b"From: " + b"a@x.example, " * 5_000 + b"\r\nSubject: " + b"x" * 100_000 + b"\r\n\r\nHi",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" * 1_000,
    ],
)  # fmt: skip
def test_broken_mail_is_shown_as_far_as_it_goes(
    office: Office, visitor: Visitor, hire: Hire, data: bytes
) -> None:
    address = hire()
    here = f"{inbox(office, address)}/{office.deliver(address, data)}"
    visitor.login(address)
    for path in (
        inbox(office, address),
        here,
        f"{here}/html",
        f"{here}/source",
        f"{here}?view=text",
        f"{here}/message.eml",
    ):
        assert visitor.get(path).status_code == 200, path
    key = here.removeprefix("/mail/").replace("/", ".")
    for kind in ("reply", "reply_all", "forward"):
        assert visitor.get(f"/compose?{kind}={key}").status_code == 200


def test_subjects_and_names_are_never_markup(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    data = b'From: "<img src=x onerror=alert(1)>" <a@x.example>\r\nSubject: <script>alert(1)</script> "x\r\n\r\nHi'
    here = f"{inbox(office, address)}/{office.deliver(address, data)}"
    visitor.login(address)
    key = here.removeprefix("/mail/").replace("/", ".")
    for path in (inbox(office, address), here, f"{here}/source", f"/compose?reply={key}"):
        page = visitor.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page, path


# Sending


def test_what_was_typed_comes_back_with_what_is_wrong(visitor: Visitor, hire: Hire) -> None:
    visitor.login(hire())
    typed = {"action": "send", "to": "iqbal, b@x.example", "subject": "S & s", "body": "\nText <b>", "cc": ""}
    answer = visitor.submit("/compose", "/compose", typed)
    assert answer.status_code == 422
    assert "“iqbal” is not a mail address." in answer.text
    assert 'value="iqbal, b@x.example"' in answer.text and 'value="S &amp; s"' in answer.text
    assert ">\n\nText &lt;b&gt;</textarea>" in answer.text.replace("\r\n", "\n")
    answer = visitor.submit("/compose", "/compose", {**typed, "to": ""})
    assert "Say to whom" in answer.text


def test_nobody_writes_in_anothers_name(office: Office, visitor: Visitor, hire: Hire) -> None:
    address, other = hire(), hire()
    visitor.login(address)
    typed = {"action": "send", "to": "a@x.example", "from": other, "body": "x"}
    visitor.submit("/compose", "/compose", typed)
    sent = office.messages(address, "Sent")
    assert len(sent) == 1
    assert address.encode() in sent[0].split(b"\r\n\r\n")[0] and other.encode() not in sent[0]


def test_uploads_above_the_limit_are_refused_with_the_text_kept(
    office: Office, visitor: Visitor, hire: Hire
) -> None:
    visitor.login(hire())
    big = b"x" * office.settings.message_size_limit
    answer = visitor.submit(
        "/compose", "/compose", {"action": "save", "body": "Keep me"}, files={"files": ("big.bin", big)}
    )
    assert answer.status_code == 422
    assert "too large" in answer.text and "Keep me" in answer.text


def test_bodies_without_end_are_cut_off(office: Office, visitor: Visitor, hire: Hire) -> None:
    visitor.login(hire())

    def endless() -> object:
        for _ in range(64):
            yield b"x" * 1024 * 1024

    answer = visitor.post(
        "/folders", content=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )  # type: ignore[arg-type]
    assert answer.status_code == 413


def test_drafts_keep_bcc_and_files_until_they_are_sent(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    typed = {"action": "save", "to": "a@x.example", "bcc": "b@x.example", "subject": "Draft", "body": "One"}
    saved = visitor.submit("/compose", "/compose", typed, files={"files": ("a.txt", b"attached")})
    again = visitor.get(saved.headers["location"])
    assert 'value="b@x.example"' in again.text and "a.txt" in again.text
    keep = re.findall(r'name="keep" value="([^"]+)"', again.text)
    draft = re.search(r'name="draft" value="([^"]+)"', again.text)
    assert draft and len(keep) == 1
    sent = visitor.post(
        "/compose", data={**typed, "csrf": token(again), "action": "send", "draft": draft[1], "keep": keep[0]}
    )
    assert sent.status_code == 303, sent.text
    assert office.messages(address, "Drafts") == []
    (copy,) = office.messages(address, "Sent")
    assert b"Bcc: b@x.example" in copy and b"a.txt" in copy


def test_a_letter_is_sent_once_however_often_it_is_posted(
    office: Office, visitor: Visitor, hire: Hire
) -> None:
    address = hire()
    visitor.login(address)
    page = visitor.get("/compose")
    letter = re.search(r'name="letter" value="([^"]+)"', page.text)
    assert letter
    form = {"csrf": token(page), "action": "send", "to": "a@x.example", "body": "x", "letter": letter[1]}
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: visitor.post("/compose", data=form), range(3)))
    assert [answer.headers["location"] for answer in answers] == ["/?notice=sent"] * 3
    assert len(office.messages(address, "Sent")) == 1


def test_a_draft_key_cannot_remove_other_mail(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    key = f"{inbox(office, address).removeprefix('/mail/')}.{office.deliver(address, MAIL, flags=Flag.SEEN)}"
    visitor.login(address)
    visitor.submit("/compose", "/compose", {"action": "discard", "draft": key})
    assert len(office.messages(address, "INBOX")) == 1


# The REST API under /api


def test_the_api_is_passed_on_without_cookies(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    visitor.login(address)
    answer = visitor.get("/api/v1/accounts/me")
    assert answer.status_code == 401, "a browser's session is no right to the API"
    assert answer.headers["content-type"] == "application/problem+json"
    mine = visitor.get("/api/v1/accounts/me", auth=(address, PASSWORD))
    assert mine.json()["address"] == address
    assert "set-cookie" not in mine.headers


@pytest.mark.parametrize(
    "path",
    [
        "/api/../internal/verify",
        "/api/%2e%2e/internal/verify",
        "/api/v1/../../internal/verify",
        "/internal/verify",
    ],
)
def test_nothing_internal_can_be_reached(office: Office, path: str) -> None:
    with httpx.Client() as client:
        request = client.build_request("POST", office.url, json={})
        request.url = request.url.copy_with(raw_path=path.encode())
        assert client.send(request).status_code in (404, 405)


def test_auth_away_is_said_so(cluster: Cluster, office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    office.services["auth"].stop()
    try:
        answer = visitor.get("/api/v1/status")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        answer = visitor.login(address)
        assert answer.status_code == 503
        assert PASSWORD not in answer.text
    finally:
        office.services["auth"].start()


def test_postgres_away_is_said_so_and_the_letter_is_kept(
    cluster: Cluster, office: Office, visitor: Visitor, hire: Hire
) -> None:
    visitor.login(hire())
    csrf = token(visitor.get("/compose"))
    letter = {"csrf": csrf, "action": "send", "to": "a@x.example", "body": "Long\nletter"}
    cluster.stop_postgres()
    try:
        page = visitor.get("/folders")
        assert page.status_code == 503 and "Retry-After" in page.headers
        assert "Please try again" in page.text
        answer = visitor.post("/compose", data=letter)
        assert answer.status_code == 503
        assert "Long\nletter</textarea>" in answer.text
    finally:
        cluster.start_postgres()
    for _ in range(20):
        answer = visitor.post("/compose", data=letter)
        if answer.status_code != 503:
            break
    assert answer.status_code == 303, answer.text


def test_a_head_without_end_is_cut_off(office: Office) -> None:
    with socket.create_connection(("127.0.0.1", office.settings.web_port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        with suppress(OSError):
            for _ in range(100):
                client.sendall(b"X: " + b"x" * 10_000 + b"\r\n")
        with suppress(ConnectionError):
            assert client.recv(100).startswith(b"HTTP/1.1 4")
