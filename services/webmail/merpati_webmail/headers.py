"""Security headers of every answer: what a page may load, who may frame it, and that nothing is sniffed."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What anything gets that did not ask for more: files, redirects, JSON, errors of the framework.
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send `Origin: null` from our own forms (Fetch, 3.2 Origin header).
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": _NOTHING,
    "X-Robots-Tag": "noindex, nofollow",
}


def page_policy(nonce: str) -> str:
    """CSP of our own pages. The nonce, not 'self': an attachment shares our origin and must never be a script."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def mail_headers(nonce: str, *, images: bool) -> Mapping[str, str]:
    """Headers of a mail's HTML in its frame: an origin of its own, no script, no form, no request outside
    unless the reader asked for pictures."""
    pictures = "'self' data: http: https:" if images else "'self' data:"
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src {pictures}; form-action 'none'; "
            "base-uri 'none'; frame-ancestors 'self'; "
            "sandbox allow-popups allow-popups-to-escape-sandbox"
        ),
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "no-referrer",
    }


class SecurityHeaders:
    """ASGI middleware that completes every answer with the headers it has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
                for name, value in _COMMON.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)
