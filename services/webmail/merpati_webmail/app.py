"""The web application: routes, error pages, middleware around them."""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from merpati.platform.errors import MerpatiError
from merpati.platform.http import BodyLimit, Bounds
from merpati_webmail import problems
from merpati_webmail.headers import SecurityHeaders
from merpati_webmail.routes import api, compose, events, folders, login, mail, parts, settings, setup
from merpati_webmail.visit import SessionEnded, Web, open_to_all, signed_in

_MESSAGE = "/mail/{mailbox:int}/{uid:int}"


def create(web: Web) -> Starlette:
    """The application over what `web` holds open."""
    app = Starlette(
        routes=_routes(web),
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(BodyLimit, bounds=partial(_bounds, 2 * web.settings.message_size_limit)),
        ],
        exception_handlers={
            MerpatiError: problems.of_error,
            SessionEnded: problems.of_ended_session,
            HTTPException: problems.of_http,
            Exception: problems.of_fault,
        },
    )
    app.state.web = web
    return app


def _bounds(upload: int, scope: Scope) -> Bounds:
    """The composer takes files, over slow lines too; nothing else is large."""
    if scope["path"].lower().startswith("/autodiscover/"):
        return setup.OUTLOOK_BOUNDS
    return Bounds(upload, 1_800.0) if scope["path"] == "/compose" else Bounds(2 * 1024 * 1024, 60.0)


def _routes(web: Web) -> list[Route]:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return [
        Route("/", signed_in(mail.start)),
        Route("/login", open_to_all(login.form)),
        Route("/login", open_to_all(login.submit), methods=["POST"]),
        Route("/logout", signed_in(login.logout), methods=["POST"]),
        Route("/mail/{mailbox:int}", signed_in(mail.folder)),
        Route("/mail/{mailbox:int}/actions", signed_in(mail.act), methods=["POST"]),
        Route(_MESSAGE, signed_in(mail.message)),
        Route(_MESSAGE + "/html", signed_in(parts.html)),
        Route(_MESSAGE + "/part/{number}", signed_in(parts.attachment)),
        Route(_MESSAGE + "/source", signed_in(parts.source)),
        Route(_MESSAGE + "/message.eml", signed_in(parts.whole)),
        Route("/inline/{session}/{mailbox:int}/{uid:int}/{number}/{seal}", parts.inline),
        Route("/compose", signed_in(compose.form)),
        Route("/compose", signed_in(compose.submit), methods=["POST"]),
        Route("/folders", signed_in(folders.show)),
        Route("/folders", signed_in(folders.create), methods=["POST"]),
        Route("/folders/{folder:int}", signed_in(folders.change), methods=["POST"]),
        Route("/settings", signed_in(settings.show)),
        Route("/settings", signed_in(settings.save), methods=["POST"]),
        Route("/settings/password", signed_in(settings.change_password), methods=["POST"]),
        Route("/events", signed_in(events.events)),
        Route("/static/{version}/{name}", web.assets.serve),
        Route("/robots.txt", _robots),
        Route("/mail/config-v1.1.xml", setup.thunderbird_config),
        Route("/.well-known/autoconfig/mail/config-v1.1.xml", setup.thunderbird_config),
        Route("/{path:outlook_xml}", setup.outlook_settings, methods=["POST"]),
        Route("/{path:outlook_json}", setup.outlook_pointer),
        Route("/{path:outlook_json}/v1.0/{email}", setup.outlook_pointer),
        Route("/apple/mail.mobileconfig", setup.apple_profile),
        Route("/.well-known/mta-sts.txt", setup.mta_sts_policy),
        Route("/api/{path:path}", api.serve, methods=methods),
    ]


async def _robots(_request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")
