"""Forged requests: every POST proves that its form came from us, by a token and by its Origin."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from merpati.platform.errors import Denied
from merpati_webmail.i18n import N_
from merpati_webmail.session import cookie_name

FIELD = "csrf"
_COOKIE = "merpati-login"
_MESSAGE = N_("This form is out of date or did not come from here. Please try again.")


def check(request: Request, expected: str, given: str) -> None:
    """Raise `Denied` unless the form carries the session's token and the browser says it comes from this site."""
    if not expected or not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise Denied(_MESSAGE)
    if not same_origin(request):
        raise Denied(_MESSAGE)


def same_origin(request: Request) -> bool:
    """Whether the browser says that the request comes from a page of ours.

    An old browser or a script that sends neither header is held by the token alone.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False


class LoginTokens:
    """Tokens for the one form that has no session yet: a cookie of its own and the same value in the form."""

    def of(self, request: Request) -> str:
        """The browser's token, or a new one."""
        token = request.cookies.get(cookie_name(request, _COOKIE), "")
        return token if 20 <= len(token) <= 100 else secrets.token_urlsafe(32)

    def set(self, request: Request, response: Response, token: str) -> None:
        """Let the browser keep the token while the form is open."""
        response.set_cookie(
            cookie_name(request, _COOKIE),
            token,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    def check(self, request: Request, given: str) -> None:
        """Raise `Denied` unless form and cookie agree."""
        check(request, request.cookies.get(cookie_name(request, _COOKIE), ""), given)
