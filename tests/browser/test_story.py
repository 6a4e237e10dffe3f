"""The company's story in the browser: tito writes to iqbal, iqbal reads and answers, with and without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.embedded import wait_until
from tests.office import Office

SitDown = Callable[..., Page]
Hire = Callable[[str], str]
HELLO = b"From: Ayu Lestari <ayu@x.example>\r\nTo: you@example.com\r\nSubject: %b\r\n\r\n%b\r\n"


def write(page: Page, to: str, subject: str, text: str) -> None:
    page.get_by_role("link", name="Write").click()
    page.get_by_label("To", exact=True).fill(to)
    page.get_by_label("Subject").fill(subject)
    page.get_by_label("Text").fill(text)


def send(page: Page) -> None:
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_have_text("Your message is on its way.")


def folder(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Folders").get_by_role("link", name=re.compile(f"^{name}")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def row(page: Page, subject: str) -> object:
    return page.locator(".message-row a", has_text=subject)


def test_tito_writes_iqbal_answers(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool, tmp_path: Path
) -> None:
    tito, iqbal = hire("tito"), hire("iqbal")
    plan = tmp_path / "Rancangan – 2027.pdf"
    plan.write_bytes(b"%PDF-1.4\x00\xff\r\n" * 20_000)
    at_titos = sit_down(tito, javascript=javascript)
    write(at_titos, f"Iqbal <{iqbal}>", "Stok obat", "Selamat pagi Iqbal,\n\napakah stok cukup? 🕊\n\nTito")
    at_titos.get_by_label("Attach files").set_input_files(plan)
    send(at_titos)
    wait_until(lambda: office.folders(iqbal)["INBOX"].exists == 1, 20, "delivery to iqbal")

    at_iqbals = sit_down(iqbal, javascript=javascript)
    expect(at_iqbals.locator(".message-row.unread")).to_have_count(1)
    at_iqbals.locator(".message-row a", has_text="Stok obat").click()
    expect(at_iqbals.locator("#subject")).to_have_text("Stok obat")
    expect(at_iqbals.locator(".mail-text")).to_contain_text("apakah stok cukup? 🕊")
    expect(at_iqbals.locator(".from")).to_contain_text("Tito")
    with at_iqbals.expect_download() as download:
        at_iqbals.get_by_role("link", name="Rancangan – 2027.pdf").click()
    assert download.value.suggested_filename == plan.name
    assert Path(download.value.path()).read_bytes() == plan.read_bytes()

    at_iqbals.get_by_role("link", name="Reply", exact=True).click()
    expect(at_iqbals.get_by_label("To", exact=True)).to_have_value(f"Tito <{tito}>")
    expect(at_iqbals.get_by_label("Subject")).to_have_value("Re: Stok obat")
    quoted = at_iqbals.get_by_label("Text").input_value()
    assert "Tito wrote:\n> Selamat pagi Iqbal," in quoted
    at_iqbals.get_by_label("Text").fill("Cukup.\n" + quoted)
    send(at_iqbals)
    expect(at_iqbals.locator(".message-row").get_by_text("Answered")).to_have_count(1)
    wait_until(lambda: office.folders(tito)["INBOX"].exists == 1, 20, "delivery to tito")

    folder(at_titos, "Inbox")
    at_titos.locator(".message-row a", has_text="Re: Stok obat").click()
    expect(at_titos.locator(".mail-text")).to_contain_text("Cukup.")
    expect(at_titos.locator(".mail-text .quote-1")).to_contain_text("apakah stok cukup?")
    folder(at_titos, "Sent")
    expect(at_titos.locator(".message-row")).to_have_count(1)


def test_forwarding_takes_the_attachments_along(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool
) -> None:
    tito, iqbal = hire("tito"), hire("iqbal")
    office.deliver(
        tito,
        b"From: Ayu <ayu@x.example>\r\nSubject: Plan\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n"
        b"Content-Type: application/pdf; name=plan.pdf\r\nContent-Disposition: attachment\r\n\r\n%PDF one\r\n--b\r\n"
        b"Content-Type: text/csv; name=list.csv\r\nContent-Disposition: attachment\r\n\r\n1;2\r\n--b--\r\n",
    )
    page = sit_down(tito, javascript=javascript)
    page.locator(".message-row a", has_text="Plan").click()
    page.get_by_role("link", name="Forward").click()
    expect(page.get_by_label("Subject")).to_have_value("Fwd: Plan")
    page.get_by_label("plan.pdf").uncheck()
    page.get_by_label("To", exact=True).fill(iqbal)
    send(page)
    wait_until(lambda: office.folders(iqbal)["INBOX"].exists == 1, 20, "delivery")
    (received,) = office.messages(iqbal, "INBOX")
    assert b'filename="list.csv"' in received and b"plan.pdf" not in received
    assert b"See below." in received and b"Forwarded message" in received


def test_a_draft_waits_and_is_gone_once_sent(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool, tmp_path: Path
) -> None:
    tito, iqbal = hire("tito"), hire("iqbal")
    note = tmp_path / "note.txt"
    note.write_text("attached")
    page = sit_down(tito, javascript=javascript)
    write(page, iqbal, "Later", "\nFirst line empty,\n  indented")
    page.get_by_label("Attach files").set_input_files(note)
    page.get_by_role("button", name="Save draft").last.click()
    expect(page.get_by_role("status")).to_have_text("The draft was saved.")
    folder(page, "Drafts")
    page.locator(".message-row a", has_text="Later").click()
    page.get_by_role("link", name="Continue writing").click()
    expect(page.get_by_label("Text")).to_have_value(re.compile("^\nFirst line empty,\n  indented\\s*$"))
    expect(page.get_by_label("note.txt")).to_be_checked()
    page.get_by_label("Subject").fill("Now")
    send(page)
    folder(page, "Drafts")
    expect(page.get_by_text("No messages here.")).to_be_visible()
    wait_until(lambda: office.folders(iqbal)["INBOX"].exists == 1, 20, "delivery")
    assert b"note.txt" in office.messages(iqbal, "INBOX")[0]


def test_search_finds_in_sender_subject_and_text(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool
) -> None:
    iqbal = hire("iqbal")
    office.deliver(iqbal, HELLO % (b"Invoice 1187", b"Please pay the shelves."))
    office.deliver(iqbal, HELLO % (b"Lunch", "Nasi gorèng besok?".encode()))
    page = sit_down(iqbal, javascript=javascript)
    for words, where, found in (
        ("SHELVES invoice", "everywhere", ["Invoice 1187"]),
        ("gorèng", "in the text", ["Lunch"]),
        ("lestari", "in the sender", ["Lunch", "Invoice 1187"]),
        ("shelves", "in the subject", []),
    ):
        page.get_by_label("Search in Inbox").fill(words)
        page.get_by_label("Search where").select_option(label=where)
        page.get_by_label("Search in Inbox").press("Enter")
        page.wait_for_url("**/mail/*q=*")
        expect(page.locator(".row-subject")).to_have_text(found)
    page.get_by_role("link", name="Clear search").click()
    expect(page.locator(".message-row")).to_have_count(2)


def test_marks_moves_and_deletes_by_checkboxes(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool
) -> None:
    iqbal = hire("iqbal")
    for number in range(3):
        office.deliver(iqbal, HELLO % (b"Number %d" % number, b"Hi"))
    page = sit_down(iqbal, javascript=javascript)
    page.on("dialog", lambda dialog: dialog.accept())

    def choose(*subjects: str) -> None:
        for subject in subjects:
            page.get_by_label(f"Select “{subject}”").check()

    choose("Number 0", "Number 1")
    page.get_by_role("button", name="Mark as read").click()
    expect(page.locator(".message-row.unread")).to_have_count(1)
    page.get_by_role("button", name="Flag “Number 2”").click()
    expect(page.get_by_role("button", name="Remove flag from “Number 2”")).to_be_visible()
    choose("Number 0")
    page.get_by_label("Move to").select_option(label="Archive")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Moved.")
    choose("Number 1")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("Moved to the trash.")
    expect(page.locator(".row-subject")).to_have_text(["Number 2"])

    folder(page, "Trash")
    choose("Number 1")
    page.get_by_role("button", name="Delete for good").click()
    if not javascript:
        page.get_by_role("button", name="Delete for good").click()  # the server asks
    expect(page.get_by_role("status")).to_have_text("Deleted for good.")
    counts = {name: mailbox.exists for name, mailbox in office.folders(iqbal).items() if mailbox.exists}
    assert counts == {"INBOX": 1, "Archive": 1}


def test_folders_are_made_renamed_and_deleted(
    office: Office, sit_down: SitDown, hire: Hire, javascript: bool
) -> None:
    iqbal = hire("iqbal")
    page = sit_down(iqbal, javascript=javascript)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Manage folders").click()
    page.get_by_label("Name").last.fill("Klien/Bücher & <Co>")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("status")).to_have_text("The folder was created.")
    page.get_by_label("Name").last.fill("Klien")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_have_text("There is a folder of that name already.")
    page.get_by_text("Change Klien/Bücher").click()
    page.locator(".edit[open]").get_by_label("Name").fill("Arsip lama")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("status")).to_have_text("The folder was renamed.")
    page.get_by_text("Change Arsip lama").click()
    page.locator(".edit[open]").get_by_role("button", name="Delete").click()
    if not javascript:
        page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("The folder was deleted.")
    assert set(office.folders(iqbal)) == {"INBOX", "Drafts", "Sent", "Archive", "Junk", "Trash", "Klien"}


def test_new_mail_appears_by_itself(office: Office, sit_down: SitDown, hire: Hire) -> None:
    tito, iqbal = hire("tito"), hire("iqbal")
    waiting = sit_down(iqbal)
    expect(waiting.get_by_text("No messages here.")).to_be_visible()
    page = sit_down(tito)
    write(page, iqbal, "Surprise", "Hi")
    send(page)
    expect(waiting.locator(".message-row a", has_text="Surprise")).to_be_visible()
    expect(waiting).to_have_title("Inbox (1) – Merpati")
    expect(waiting.locator("#folders .count").first).to_contain_text("1")


def test_a_phone_shows_one_thing_at_a_time(office: Office, sit_down: SitDown, hire: Hire) -> None:
    iqbal = hire("iqbal")
    office.deliver(iqbal, HELLO % (b"A subject that is longer than a narrow screen " * 3, b"Hi " * 200))
    page = sit_down(iqbal, width=375)

    def fits() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

    assert fits()
    page.locator(".message-row a").click()
    expect(page.locator("#subject")).to_be_visible()
    expect(page.locator(".messages")).to_be_hidden()
    assert fits()
    page.get_by_role("link", name="Back to Inbox").click()
    expect(page.locator(".messages")).to_be_visible()
    page.get_by_role("link", name="Folders", exact=True).click()
    page.locator(".folder-table").get_by_role("link", name=re.compile("^Sent")).click()
    expect(page.get_by_text("No messages here.")).to_be_visible()
    page.get_by_role("link", name="Write").click()
    expect(page.get_by_label("Subject")).to_be_visible()
    assert fits()


def test_bahasa_indonesia(sit_down: SitDown, hire: Hire, javascript: bool) -> None:
    page = sit_down(hire("iqbal"), javascript=javascript)
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Language").select_option(label="Bahasa Indonesia")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Pengaturan Anda disimpan.")
    page.get_by_role("link", name="Kotak Masuk").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Kotak Masuk")
