"""An office with a webmail: real auth, outbound and webmail processes, and people with passwords."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

from merpati.platform.db import Database
from merpati.platform.settings import Settings
from merpati.store import NO_FLAGS, Flag, MailFiles, NewMessage, Store
from tests.embedded import Service

PASSWORD = "merpati pos terbang"


@dataclass
class Office:
    """The running services, and how to reach them."""

    settings: Settings
    services: dict[str, Service]
    ids: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.web_port}"

    def hire(self, name: str, **extra: Any) -> str:
        """An account through the REST API, as the web front passes it on; gives its address."""
        address = f"{name}@example.com"
        body = {"address": address, "password": PASSWORD, "display_name": name.title(), **extra}
        answer = self.api("POST", "accounts", json=body)
        assert answer.status_code == 201, answer.text
        self.ids[address] = answer.json()["id"]
        return address

    def api(self, method: str, path: str, **request: Any) -> httpx.Response:
        """A request to the REST API as the postmaster."""
        auth = (f"postmaster@{self.settings.myhostname}", self.settings.secret("postmaster_password"))
        return httpx.request(method, f"{self.url}/api/v1/{path}", auth=auth, timeout=30, **request)

    def deliver(self, address: str, data: bytes, folder: str = "INBOX", flags: Flag = NO_FLAGS) -> int:
        """Put a message into a folder; gives its UID."""
        return self._with_store(self._append, self.ids[address], folder, data, flags)

    def folders(self, address: str) -> dict[str, Any]:
        """The account's folders by name."""
        return self._with_store(self._folders, self.ids[address])

    def messages(self, address: str, folder: str) -> list[bytes]:
        """All messages of a folder."""
        return self._with_store(self._messages, self.ids[address], folder)

    def _with_store(self, work: Callable[..., Any], *arguments: Any) -> Any:
        async def run() -> Any:
            db = Database(self.settings, "imap", max_size=2)
            await db.open()
            try:
                return await work(Store(db, MailFiles.of(self.settings), None, self.settings), *arguments)
            finally:
                await db.close()

        # Playwright's synchronous face keeps a loop running in the test's own thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result()

    @staticmethod
    async def _append(store: Store, account: int, folder: str, data: bytes, flags: Flag) -> int:
        mailbox = await store.mailbox(account, folder)
        appended = await store.append(account, mailbox.id, [NewMessage(data, flags)])
        return appended.uids[0]

    @staticmethod
    async def _folders(store: Store, account: int) -> dict[str, Any]:
        return {mailbox.name: mailbox for mailbox in await store.mailboxes(account)}

    @staticmethod
    async def _messages(store: Store, account: int, folder: str) -> list[bytes]:
        mailbox = await store.mailbox(account, folder)
        snapshot = await store.snapshot(account, mailbox.id)
        return [data async for _, data in store.messages(account, mailbox.id, snapshot.uids)]


def open_office(settings: Settings, services: Callable[..., Service], *names: str) -> Office:
    """Start the services and make the domain example.com."""
    office = Office(settings, {name: services(name) for name in ("auth", "webmail", *names)})
    answer = office.api("POST", "domains", json={"name": "example.com"})
    assert answer.status_code == 201, answer.text
    return office


class Visitor(httpx.Client):
    """A browser without a script: keeps cookies, follows no redirect, posts forms with their token."""

    def __init__(self, office: Office) -> None:
        super().__init__(base_url=office.url, timeout=30)

    def login(self, address: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        page = self.get("/login")
        return self.post(
            "/login", data={"csrf": token(page), "address": address, "password": password, **fields}
        )

    def submit(self, page: str, action: str, data: dict[str, Any], **request: Any) -> httpx.Response:
        """Post a form that stands on `page`."""
        return self.post(action, data={"csrf": token(self.get(page)), **data}, **request)


def token(page: httpx.Response) -> str:
    """The token in a page's form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]
