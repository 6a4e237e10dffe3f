"""`AuthClient`: asks services/auth whether a password is right, and remembers its verdicts for a moment."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

import httpx

from merpati.directory.model import Verdict
from merpati.platform.errors import BadCredentials, Throttled, Unavailable
from merpati.platform.events import DIRECTORY, Bell
from merpati.platform.settings import Settings

MAX_NAME = 320
MAX_PASSWORD = 1_024  # octets; nobody's password is longer, and hashing it must stay cheap
_REMEMBERED = 50_000

Answer = Verdict | None  # None: wrong name or password


class AuthClient:
    """Verdicts over auth's internal HTTP.

    A right answer is remembered `auth_cache_ttl` seconds, a wrong one `auth_negative_ttl` (a phone with an old
    password asks for ever); both under an HMAC, so that memory holds no password, and both dropped when the
    directory's bell rings. Equal questions at one time are asked once.
    """

    def __init__(self, settings: Settings, bell: Bell | None = None) -> None:
        self._settings = settings
        self._key = settings.secret("verdict_key").encode()
        self._answers: dict[bytes, tuple[float, Answer]] = {}
        self._asking: dict[bytes, asyncio.Task[Answer]] = {}
        self._generation = 0
        self._http: httpx.AsyncClient | None = None
        if bell is not None:
            bell.watch(DIRECTORY, self.drop)

    def drop(self) -> None:
        """Forget every verdict: a credential may have changed."""
        self._generation += 1
        self._answers.clear()
        self._asking.clear()  # whoever asks from now on, asks anew

    async def verify(self, username: str, password: str, *, service: str, client: str) -> Verdict:
        """Whose name and password these are.

        `service` is imap, pop3, smtp, web or api, `client` the client's IP address. Raises `BadCredentials`,
        `Throttled` or `Unavailable`.
        """
        question = f"{service}\0{username}\0{password}".encode("utf-8", "surrogatepass")
        key = hmac.digest(self._key, question, "sha256")
        remembered = self._answers.get(key)
        if remembered is not None and remembered[0] > time.monotonic():
            answer = remembered[1]
        elif len(username) > MAX_NAME or len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD:
            answer = None
        else:
            answer = await self._ask_once(key, username, password, service, client)
        if answer is None:
            raise BadCredentials("wrong user name or password")
        return answer

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def _ask_once(self, key: bytes, username: str, password: str, service: str, client: str) -> Answer:
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, username, password, service, client))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)  # a client that hangs up must not take the others' answer with it

    def _asked(self, key: bytes, task: asyncio.Task[Answer]) -> None:
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # seen, should every waiter be gone

    async def _ask(self, key: bytes, username: str, password: str, service: str, client: str) -> Answer:
        generation = self._generation
        response = await self._post(
            {
                # JSON carries no lone surrogates; no account has a name or password that is not UTF-8
                "username": username.encode("utf-8", "replace").decode(),
                "password": password.encode("utf-8", "replace").decode(),
                "service": service,
                "client": client,
            }
        )
        answer = _answer(response)
        if generation == self._generation:
            self._remember(key, answer)
        return answer

    def _remember(self, key: bytes, answer: Answer) -> None:
        ttl = self._settings.auth_negative_ttl if answer is None else self._settings.auth_cache_ttl
        self._answers.pop(key, None)
        while len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (time.monotonic() + ttl, answer)

    async def _post(self, body: dict[str, str]) -> httpx.Response:
        for last in (False, True):
            try:
                return await self._client().post("/internal/verify", json=body)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if last:  # the first may only have met a connection that died with the old process
                    raise Unavailable("the auth service does not answer") from error
            except httpx.HTTPError as error:
                raise Unavailable("the auth service does not answer") from error
        raise AssertionError("unreachable")

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            options: dict[str, Any] = {}
            endpoint = self._settings.auth_endpoint
            if endpoint.startswith("unix:"):
                options["transport"] = httpx.AsyncHTTPTransport(uds=endpoint.removeprefix("unix:"))
                endpoint = "http://auth"
            self._http = httpx.AsyncClient(
                base_url=endpoint,
                headers={"Authorization": f"Bearer {self._settings.secret('internal_token')}"},
                timeout=httpx.Timeout(20.0, connect=3.0),
                # shorter than uvicorn keeps an idle connection, so that it is seldom we who find it closed
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0),
                trust_env=False,
                **options,
            )
        return self._http


def _answer(response: httpx.Response) -> Answer:
    """Read auth's reply: 200 a verdict, 401 wrong, 429 wait, anything else cannot say now."""
    if response.status_code == httpx.codes.OK:
        body = response.json()
        return Verdict(**{name: body[name] for name in Verdict.__dataclass_fields__})
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return None
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise Throttled("too many failed logins", float(response.headers.get("Retry-After", "5")))
    raise Unavailable(f"the auth service answered {response.status_code}")
