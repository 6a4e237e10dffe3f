"""One request of a browser: who asks, in which language, with which form; and the page that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from merpati.directory import AuthClient, Directory
from merpati.platform.db import Database
from merpati.platform.events import Bell
from merpati.platform.settings import Settings
from merpati.store import Mailbox, Store
from merpati_webmail import csrf, folders, i18n, notices
from merpati_webmail.assets import Assets
from merpati_webmail.auth_http import AuthHttp
from merpati_webmail.csrf import LoginTokens
from merpati_webmail.letterbox import Locks
from merpati_webmail.rendering import Templates
from merpati_webmail.session import Session, Sessions

MAX_FIELDS = 2_000
MAX_FILES = 100
MAX_FIELD = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Web:
    """What the process holds open for all requests."""

    settings: Settings
    db: Database
    bell: Bell
    store: Store
    directory: Directory
    auth: AuthClient
    auth_http: AuthHttp
    sessions: Sessions
    login_tokens: LoginTokens
    assets: Assets
    templates: Templates
    sending: Locks
    stop: asyncio.Event


@dataclass(slots=True)
class Visit:
    """A request with its session, or without one (`session` None)."""

    request: Request
    web: Web
    session_or_none: Session | None = None

    @property
    def session(self) -> Session:
        """The session; only handlers behind `signed_in` ask."""
        if self.session_or_none is None:
            raise RuntimeError("this page needs a session")
        return self.session_or_none

    @property
    def account_id(self) -> int:
        return self.session.account.id

    @property
    def language(self) -> str:
        """The account's language; before login the browser's."""
        if self.session_or_none is not None:
            language = self.session_or_none.account.language
            return language if language in i18n.LANGUAGES else "en"
        return i18n.negotiate(self.request.headers.get("accept-language", ""))

    def gettext(self, text: str, **values: object) -> str:
        """A text in the visitor's language."""
        translated = i18n.translations(self.language).gettext(text)
        return translated % values if values else translated

    @property
    def client(self) -> str:
        """The client's IP address."""
        return self.request.client.host if self.request.client else ""

    def number(self, name: str) -> int:
        """A number of the path; the route's pattern has seen to its form."""
        return int(self.request.path_params[name])

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "")

    @property
    def wants_images(self) -> bool:
        """Whether the reader pressed "show images": a link on another site must not do it for them."""
        return self.query("images") == "1" and csrf.same_origin(self.request)

    async def form(self) -> FormData:
        """The posted form, after the proof that it is ours. Raises `Denied`."""
        form = await posted(self.request)
        csrf.check(self.request, self.session.csrf, text(form, csrf.FIELD))
        return form

    def page(self, name: str, status: int = 200, **context: Any) -> Response:
        """Render a page with what every page knows."""
        return self.web.templates.page(
            self.language,
            name,
            status,
            session=self.session_or_none,
            notice=notices.text(self.query("notice"), self.gettext),
            path=self.request.url.path,
            **context,
        )

    async def mail_page(self, name: str, status: int = 200, **context: Any) -> Response:
        """Render a page that shows the folders beside it."""
        mailboxes = context.pop("mailboxes", None) or await self.mailboxes()
        context.setdefault("mailbox_id", 0)
        tree = folders.tree(mailboxes, self.gettext)
        return self.page(name, status, folders=tree, mail_state=folders.state(mailboxes), **context)

    async def mailboxes(self) -> list[Mailbox]:
        return await self.web.store.mailboxes(self.account_id)


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def open_to_all(handler: Handler) -> Endpoint:
    """An endpoint for everyone; the session is looked up all the same."""

    async def endpoint(request: Request) -> Response:
        web: Web = request.app.state.web
        session = await web.sessions.load(web.sessions.token_of(request))
        return await handler(Visit(request, web, session))

    return endpoint


def signed_in(handler: Handler) -> Endpoint:
    """An endpoint for those who logged in; others are led to the login page and back."""

    async def endpoint(request: Request) -> Response:
        web: Web = request.app.state.web
        session = await web.sessions.load(web.sessions.token_of(request))
        if session is not None:
            request.state.session = session
            return await handler(Visit(request, web, session))
        if request.method == "POST":
            raise SessionEnded
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return redirect("/login", next=target if target != "/" else "")

    return endpoint


class SessionEnded(Exception):
    """A form arrived after its session had ended."""


async def posted(request: Request) -> FormData:
    """The form of a POST, within our limits; read once, and there for the error page too."""
    form: FormData | None = getattr(request.state, "form", None)
    if form is None:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD)
        request.state.form = form
    return form


def text(form: FormData, name: str) -> str:
    """A text field; an absent one, or a file in its place, is empty."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def redirect(path: str, **query: str) -> Response:
    """See another page of ours (303, so that a reload does not post again)."""
    query = {name: value for name, value in query.items() if value}
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)


def local_target(target: str) -> str:
    """`target` if it is a path of ours, else the start page: no redirect leads to another site."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target:
        return "/"
    return "/" if any(ord(c) < 0x21 or ord(c) == 0x7F for c in target) else target
