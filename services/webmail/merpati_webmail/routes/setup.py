"""Set-up of mail programs, and the MTA-STS policy: for everyone, without a session, the same for every address."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from merpati.directory import fold_domain
from merpati.platform import mta_sts
from merpati.platform.errors import Invalid
from merpati.platform.http import Bounds
from merpati.platform.offers import offers
from merpati_webmail.client_setup import Account, account_of, apple, outlook, thunderbird
from merpati_webmail.visit import Web

OUTLOOK_BOUNDS = Bounds(64 * 1024, 10.0)
_PROTOCOL = "autodiscoverv1"


class _AnyCase(Convertor[str]):
    """A path that Outlook writes now with capitals, now without."""

    def convert(self, value: str) -> str:
        return value.lower()

    def to_string(self, value: str) -> str:
        return value


class _Xml(_AnyCase):
    regex = r"(?i:autodiscover/autodiscover\.xml)"


class _Json(_AnyCase):
    regex = r"(?i:autodiscover/autodiscover\.json)"


register_url_convertor("outlook_xml", _Xml())
register_url_convertor("outlook_json", _Json())


async def thunderbird_config(request: Request) -> Response:
    """`emailaddress` says the domain; without it the name that was asked does (autoconfig.DOMAIN, or DOMAIN)."""
    web: Web = request.app.state.web
    asked = request.query_params.get("emailaddress", "")[:400]
    domain = asked.rpartition("@")[2] or _host(request).removeprefix("autoconfig.")
    if not await web.directory.is_local_domain(domain):
        return _unknown()
    offered = [offer for offer in offers(web.settings) if offer.port]
    document = thunderbird.document(fold_domain(domain), web.settings.myhostname, offered)
    return Response(document, media_type=thunderbird.MEDIA_TYPE)


async def outlook_settings(request: Request) -> Response:
    """Version 1: the address stands in the body."""
    account = await _account(request, outlook.address_in(await request.body()))
    document = outlook.invalid_request() if account is None else outlook.settings(account)
    return Response(document, media_type=outlook.MEDIA_TYPE)


async def outlook_pointer(request: Request) -> Response:
    """Version 2; of its protocols, AutodiscoverV1 is the one that is not Exchange's own."""
    query = {name.lower(): value for name, value in request.query_params.items()}
    if query.get("protocol", "").lower() != _PROTOCOL:
        problem = {
            "ErrorCode": "InvalidProtocol",
            "ErrorMessage": "The only protocol here is AutodiscoverV1.",
        }
        return JSONResponse(problem, 400)
    account = await _account(request, request.path_params.get("email") or query.get("email", ""))
    if account is None:
        problem = {"ErrorCode": "UserNotFound", "ErrorMessage": "This server has no mail of that domain."}
        return JSONResponse(problem, 404)
    return JSONResponse(outlook.pointer(account.hostname))


async def apple_profile(request: Request) -> Response:
    """A profile to install; not signed, so that the device says "unverified"."""
    account = await _account(request, request.query_params.get("emailaddress", ""))
    profile = None if account is None else apple.profile(account)
    if account is None or profile is None:
        return _unknown()
    headers = {"Content-Disposition": f'attachment; filename="{account.domain}.mobileconfig"'}
    return Response(profile, media_type=apple.MEDIA_TYPE, headers=headers)


async def mta_sts_policy(request: Request) -> Response:
    """RFC 8461 3.2: under mta-sts.DOMAIN, and under no other name."""
    web: Web = request.app.state.web
    prefix, _, domain = _host(request).partition(".")
    if prefix != "mta-sts" or not await web.directory.is_local_domain(domain):
        return _unknown()
    return PlainTextResponse(mta_sts.policy(web.settings))


async def _account(request: Request, address: str) -> Account | None:
    """None where it is no address, or of no domain of ours; whether there is such an account is not asked."""
    web: Web = request.app.state.web
    try:
        account = account_of(address, web.settings)
    except Invalid:
        return None
    return account if await web.directory.is_local_domain(account.domain) else None


def _host(request: Request) -> str:
    return request.headers.get("host", "").partition(":")[0].lower()[:253]


def _unknown() -> Response:
    return PlainTextResponse("This server has no mail of that domain.\n", 404)
