"""Where a form comes from, as browsers say it."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from merpati.platform.errors import Denied
from merpati_webmail import csrf
from merpati_webmail.visit import local_target


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"mail.example:8080"), *raw]}
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://mail.example:8080"},
        {"origin": "http://mail.example:8080", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_own_pages(headers: dict[str, str]) -> None:
    csrf.check(request(**headers), "token", "token")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://mail.example"},
        {"origin": "http://mail.example:8080.evil.example"},
        {"origin": "http://[x"},
        {"origin": "http://mail.example:8080", "sec_fetch_site": "cross-site"},
    ],
)
def test_pages_of_others(headers: dict[str, str]) -> None:
    with pytest.raises(Denied):
        csrf.check(request(**headers), "token", "token")


@pytest.mark.parametrize(
    ("expected", "given"), [("token", ""), ("token", "toke"), ("", ""), ("token", "\udcff")]
)
def test_wrong_tokens(expected: str, given: str) -> None:
    with pytest.raises(Denied):
        csrf.check(request(), expected, given)


@pytest.mark.parametrize("target", ["/", "/mail/3?page=2", "/compose?mailto=a%40b"])
def test_paths_of_ours(target: str) -> None:
    assert local_target(target) == target


@pytest.mark.parametrize("target", ["", "//x", "/\\x", "https://x", "javascript:x", "/\n/x", "/ x", "\t/x"])
def test_everything_else_is_the_start_page(target: str) -> None:
    assert local_target(target) == "/"
