"""Thunderbird's autoconfig (clientConfig 1.1), read by K-9, Evolution and KMail too."""

from __future__ import annotations

from xml.sax.saxutils import escape

from merpati.platform.offers import Offer

MEDIA_TYPE = "application/xml"
_SOCKET = {"implicit": "SSL", "starttls": "STARTTLS"}


def document(domain: str, hostname: str, offered: list[Offer]) -> str:
    """The same for every address of the domain: the client puts its own in."""
    name = escape(domain)
    servers = "".join(_server(hostname, offer) for offer in offered)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<clientConfig version="1.1">\n'
        f'  <emailProvider id="{escape(domain, {chr(34): "&quot;"})}">\n'
        f"    <domain>{name}</domain>\n"
        f"    <displayName>{name}</displayName>\n"
        f"    <displayShortName>{name}</displayShortName>\n"
        f"{servers}"
        "  </emailProvider>\n"
        "</clientConfig>\n"
    )


def _server(hostname: str, offer: Offer) -> str:
    element = "outgoingServer" if offer.protocol == "smtp" else "incomingServer"
    return (
        f'    <{element} type="{offer.protocol}">\n'
        f"      <hostname>{escape(hostname)}</hostname>\n"
        f"      <port>{offer.port}</port>\n"
        f"      <socketType>{_SOCKET[offer.tls]}</socketType>\n"
        "      <authentication>password-cleartext</authentication>\n"
        "      <username>%EMAILADDRESS%</username>\n"
        f"    </{element}>\n"
    )
