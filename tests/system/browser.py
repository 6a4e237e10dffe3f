"""A person at the webmail in headless Chromium (Debian's), with or without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from tests.system.merpati import Merpati

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
_FLAGS += ["--disable-component-update", "--disable-sync"]


@contextmanager
def browser(merpati: Merpati, address: str, *, javascript: bool = True) -> Iterator[Page]:
    """A browser window in which `address` has logged in."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        try:
            own_ca = merpati.ready["web"].startswith("https:")  # which Chromium has no option to trust
            page = chromium.new_context(
                java_script_enabled=javascript, locale="en-GB", ignore_https_errors=own_ca
            ).new_page()
            page.set_default_timeout(20_000)
            page.goto(merpati.ready["web"])
            page.get_by_label("Mail address").fill(address)
            page.get_by_label("Password").fill(merpati.password(address))
            page.get_by_role("button", name="Log in").click()
            yield page
        finally:
            chromium.close()


def read(page: Page, subject: str) -> str:
    """Open a message of the list; hands back its text."""
    page.locator(".message-row a", has_text=subject).first.click()
    expect(page.locator("#subject")).to_contain_text(subject)
    return page.locator(".mail-text").inner_text()


def reply(page: Page, text: str) -> None:
    """Answer the open message."""
    page.get_by_role("link", name="Reply", exact=True).click()
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Send")).to_have_count(0)
