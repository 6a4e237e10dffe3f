"""Outlook's autodiscover: the XML of version 1 (MS-OXDSCLI) and the pointer to it of version 2."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from merpati.platform.offers import Offer
from merpati_webmail.client_setup.account import Account

MEDIA_TYPE = "application/xml"
_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
# Not an XML parser: what strangers send may hold entities that expand without end.
_ADDRESS = re.compile(
    rb"<(?:\w{1,20}:)?EMailAddress\s{0,20}>\s{0,20}([^<>&\s]{3,320})\s{0,20}<", re.IGNORECASE
)
_NAMES = {"imap": "IMAP", "pop3": "POP3", "smtp": "SMTP"}
_ENCRYPTION = {"implicit": "SSL", "starttls": "TLS"}


def address_in(request: bytes) -> str:
    """The address that a request of version 1 asks about; '' where there is none."""
    found = _ADDRESS.search(request)
    return found[1].decode("utf-8", "replace") if found else ""


def settings(account: Account) -> str:
    """One way for each protocol, the best."""
    chosen = [account.best(protocol) for protocol in ("imap", "pop3", "smtp")]
    protocols = "".join(_protocol(account, offer) for offer in chosen if offer is not None)
    return _document(
        f'<Response xmlns="{_SETTINGS}"><Account><AccountType>email</AccountType><Action>settings</Action>'
        f"{protocols}</Account></Response>"
    )


def invalid_request() -> str:
    """The protocol's own error: sent with 200, as Outlook expects it."""
    return _document(
        '<Response><Error Id="0"><ErrorCode>600</ErrorCode><Message>Invalid Request</Message>'
        "<DebugData /></Error></Response>"
    )


def pointer(hostname: str) -> dict[str, str]:
    """Version 2 for the protocol AutodiscoverV1: where version 1 is to be asked."""
    return {"Protocol": "AutodiscoverV1", "Url": f"https://{hostname}/autodiscover/autodiscover.xml"}


def _protocol(account: Account, offer: Offer) -> str:
    outgoing = "<UsePOPAuth>off</UsePOPAuth><SMTPLast>off</SMTPLast>" if offer.protocol == "smtp" else ""
    return (
        f"<Protocol><Type>{_NAMES[offer.protocol]}</Type><Server>{escape(account.hostname)}</Server>"
        f"<Port>{offer.port}</Port><DomainRequired>off</DomainRequired>"
        f"<LoginName>{escape(account.address)}</LoginName><SPA>off</SPA><SSL>on</SSL>"
        f"<Encryption>{_ENCRYPTION[offer.tls]}</Encryption><AuthRequired>on</AuthRequired>{outgoing}</Protocol>"
    )


def _document(content: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<Autodiscover xmlns="{_RESPONSE}">{content}</Autodiscover>\n'
