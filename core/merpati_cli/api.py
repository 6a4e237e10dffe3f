"""`Api`: the REST API as the commands use it, its problem documents turned into `Problem`."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from merpati_cli import endpoint
from merpati_cli.problem import Problem

PREFIX = "/api/v1"


class Api:
    """A connection to the server."""

    def __init__(self) -> None:
        self._endpoint = endpoint.find()
        self._http = httpx.Client(
            base_url=self._endpoint.url,
            auth=self._endpoint.auth,
            verify=endpoint.context(self._endpoint),
            timeout=30.0,
            trust_env=not self._endpoint.local,
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, *path: str | int, **query: Any) -> Any:
        """One thing."""
        return self._request("GET", _url(path), params=_given(query))

    def items(self, *path: str | int, **query: Any) -> Iterator[dict[str, Any]]:
        """Everything in a listing, part after part."""
        part = self.get(*path, **query)
        while True:
            yield from part["items"]
            following = part.get("next")
            if not following:
                return
            part = self._request("GET", following)

    def post(self, *path: str | int, body: Any = None) -> Any:
        return self._request("POST", _url(path), json=body)

    def patch(self, *path: str | int, body: Any) -> Any:
        return self._request("PATCH", _url(path), json=body)

    def put(self, *path: str | int, body: Any) -> Any:
        return self._request("PUT", _url(path), json=body)

    def delete(self, *path: str | int) -> None:
        self._request("DELETE", _url(path))

    def _request(self, method: str, url: str, **options: Any) -> Any:
        try:
            response = self._http.request(method, url, **options)
        except httpx.HTTPError as error:
            raise Problem(f"{self._endpoint.url} does not answer: {error}") from error
        if response.status_code == httpx.codes.UNAUTHORIZED and self._endpoint.local:
            raise Problem(
                "the server does not take the password in ready.json (was it changed?): set MERPATI_API_TOKEN",
                exit_code=1,
            )
        if response.is_error:
            raise Problem(_words(response), exit_code=1, status=response.status_code)
        return response.json() if response.content else None


def _url(path: tuple[str | int, ...]) -> str:
    return "/".join([PREFIX, *(quote(str(part), safe="@") for part in path)])


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _words(response: httpx.Response) -> str:
    """The problem's own words; of something that is no Merpati, its status."""
    try:
        problem = response.json()
        return str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.request.url} answered {response.status_code} {response.reason_phrase}"
