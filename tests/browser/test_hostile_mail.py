"""Hostile mail in a real browser: no dialog, no request outside, nothing of ours touched; pictures only when asked."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.office import Office
from tests.unit.webmail.test_sanitize import HOSTILE

SitDown = Callable[..., Page]
Hire = Callable[[str], str]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def html_mail(html: str, subject: str = "Hostile") -> bytes:
    head = f"From: Mallory <m@evil.example>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    body = base64.encodebytes(html.encode()).replace(b"\n", b"\r\n")
    kind = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return (head + kind).encode() + body


@pytest.fixture
def pictures() -> Iterator[tuple[str, list[str]]]:
    """Another server's pictures, and who asked for them."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Referer") or self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.end_headers()
            self.wfile.write(PIXEL)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_nothing_in_hostile_mail_acts(office: Office, sit_down: SitDown, hire: Hire) -> None:
    address = hire("victim")
    probe = "<script>top.document.title='owned'</script>"
    office.deliver(address, html_mail("".join(HOSTILE.values()) + probe))
    for name, html in HOSTILE.items():
        office.deliver(address, html_mail(html + probe, name))
    page = sit_down(address)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    count = len(HOSTILE) + 1
    for number in range(count):
        if page.locator(".message-row").count() <= number:
            break
        page.locator(".message-row a").nth(number).click()
        frame = page.frame_locator(".mail-frame")
        expect(frame.locator("body.mail-body")).to_be_attached()
        assert page.url.startswith(office.url)
        assert "owned" not in page.title()
    assert not dialogs


def test_the_frame_has_no_power_even_if_the_sanitiser_had_a_hole(
    office: Office, sit_down: SitDown, hire: Hire
) -> None:
    address = hire("victim")
    office.deliver(address, html_mail("<p>Hello</p>"))
    page = sit_down(address)
    page.locator(".message-row a").click()
    element = page.locator(".mail-frame").element_handle()
    assert element is not None
    frame = element.content_frame()
    assert frame is not None
    frame.wait_for_selector("body.mail-body")
    answer = page.request.get(frame.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy
    for power in ("script-src", "allow-scripts", "allow-same-origin", "allow-forms", "allow-top-navigation"):
        assert power not in policy
    assert "http:" not in policy
    assert frame.evaluate("window.origin") == "null"


def test_pictures_of_others_are_shown_only_when_asked_for(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool, pictures: tuple[str, list[str]]
) -> None:
    server, asked = pictures
    address = hire("victim")
    office.deliver(address, html_mail(f'<p>Offer</p><img src="{server}/track.png" alt="Logo">'))
    page = sit_down(address, javascript=javascript, wanted=server)
    page.locator(".message-row a").click()
    expect(page.frame_locator(".mail-frame").get_by_text("Offer")).to_be_visible()
    assert not asked
    with page.expect_response(f"{server}/**"):
        page.get_by_role("link", name="Show images").click()
    expect(page.get_by_role("link", name="Show images")).to_have_count(0)
    assert asked == ["/track.png"], "asked once, and without a Referer"


def test_inline_pictures_are_shown(office: Office, sit_down: SitDown, hire: Hire, javascript: bool) -> None:
    address = hire("reader")
    picture = base64.encodebytes(PIXEL).replace(b"\n", b"\r\n")
    office.deliver(
        address,
        b"From: Ayu <ayu@x.example>\r\nSubject: Logo\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html\r\n\r\n"
        b'<p>See</p><img src="cid:logo@x" alt="Logo" width=20 height=20>\r\n'
        b"--r\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + picture
        + b"--r--\r\n",
    )
    page = sit_down(address, javascript=javascript)
    with page.expect_response("**/inline/**") as loaded:
        page.locator(".message-row a").click()
    assert loaded.value.status == 200
    assert loaded.value.headers["content-type"] == "image/png"
    expect(page.locator(".attachments")).to_have_count(0)


def test_links_open_beside_and_know_nothing_of_us(office: Office, sit_down: SitDown, hire: Hire) -> None:
    address = hire("reader")
    office.deliver(
        address,
        html_mail(f'<a href="{office.url}/robots.txt">look</a> <a href="mailto:a@x.example">write</a>'),
    )
    page = sit_down(address)
    page.locator(".message-row a").click()
    with page.context.expect_page() as opened:
        page.frame_locator(".mail-frame").get_by_role("link", name="look").click()
    assert opened.value.evaluate("window.opener") is None
    assert opened.value.evaluate("document.referrer") == ""
    with page.context.expect_page() as composer:
        page.frame_locator(".mail-frame").get_by_role("link", name="write").click()
    expect(composer.value.get_by_label("To", exact=True)).to_have_value("a@x.example")
