"""HTTP to services/auth: the connection, the browser's address passed on, and what people change of themselves."""

from __future__ import annotations

import httpx

from merpati.platform.errors import BadCredentials, Invalid, Throttled, Unavailable
from merpati.platform.settings import Settings


class AuthHttp:
    """One pool of connections to auth's internal listener, which serves the REST API too."""

    def __init__(self, settings: Settings) -> None:
        endpoint, transport = settings.auth_endpoint, None
        if endpoint.startswith("unix:"):
            transport = httpx.AsyncHTTPTransport(uds=endpoint.removeprefix("unix:"))
            endpoint = "http://auth"
        self._token = settings.secret("internal_token")
        self.http = httpx.AsyncClient(
            base_url=endpoint,
            transport=transport,
            timeout=httpx.Timeout(60.0, connect=3.0),
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        await self.http.aclose()

    def from_browser(self, client: str) -> dict[str, str]:
        """Headers that name the browser's address, with the proof that it is we who say so."""
        return {"X-Merpati-Client": client, "X-Merpati-Internal-Token": self._token}

    async def change_profile(self, account_id: int, display_name: str, language: str, client: str) -> None:
        """Change what an account says of itself. Raises `Invalid` or `Unavailable`."""
        await self._ask(
            "POST",
            "/internal/profile",
            {"Authorization": f"Bearer {self._token}"},
            {
                "account_id": account_id,
                "display_name": display_name,
                "language": language,
                "client": client,
            },
        )

    async def change_password(self, address: str, current: str, new: str, client: str) -> None:
        """Change a password for one who knows the present one.

        Raises `BadCredentials`, `Invalid` (the new one is too weak), `Throttled` or `Unavailable`.
        """
        basic = httpx.BasicAuth(address, current)
        await self._ask(
            "PUT",
            "/api/v1/accounts/me/password",
            self.from_browser(client),
            {"password": new, "current_password": current},
            basic,
        )

    async def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: dict[str, object],
        basic: httpx.BasicAuth | None = None,
    ) -> None:
        try:
            answer = await self.http.request(method, path, headers=headers, json=body, auth=basic)
        except httpx.HTTPError as error:
            raise Unavailable("the auth service does not answer") from error
        if answer.is_success:
            return
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise BadCredentials("wrong password")
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled("too many failed attempts", float(answer.headers.get("Retry-After", "5")))
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise Invalid("not accepted")
        raise Unavailable(f"the auth service answered {answer.status_code}")
