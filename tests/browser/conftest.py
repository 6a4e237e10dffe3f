"""People at the webmail in headless Chromium (Debian's), with and without JavaScript."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from merpati.platform.settings import Settings
from tests.embedded import Cluster, Service
from tests.office import PASSWORD, Office, open_office

_FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync""".split()
_people = itertools.count()


@pytest.fixture(scope="module")
def office(cluster: Cluster, settings: Settings) -> Iterator[Office]:
    with ExitStack() as stack:

        def start(name: str) -> Service:
            service = Service(name, settings, cluster.home)
            stack.callback(service.close)
            return service.start()

        yield open_office(settings, start, "outbound")


@pytest.fixture
def hire(office: Office) -> Callable[[str], str]:
    """A new person, of a name that begins so."""
    return lambda name: office.hire(f"{name}{next(_people)}", display_name=name.title())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def sit_down(office: Office, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """`page = sit_down(address)`: a browser in which that person has logged in.

    Whatever the pages do, nothing is asked of another server (but `wanted`), and no script fails.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def start(address: str, *, javascript: bool = True, width: int = 1280, wanted: str = "") -> Page:
        context = chromium.new_context(
            java_script_enabled=javascript,
            locale="en-GB",
            base_url=office.url,
            viewport={"width": width, "height": 800},
            accept_downloads=True,
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        context.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((office.url, "data:", wanted or office.url))
                else faults.append(f"request: {request.url}")
            ),
        )
        page.goto("/")
        page.get_by_label("Mail address").fill(address)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/mail/*")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not faults
