"""Every DNS record of a domain: so that mail arrives and is believed, and clients set themselves up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from merpati.directory.admin.dkim import PublishedKey
from merpati.platform import mta_sts
from merpati.platform.offers import Offer, offers
from merpati.platform.settings import Settings

TTL = 3_600
_STRING = 255
"""Octets in one string of a TXT record (RFC 1035 3.3)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record; names end with a dot, and a TXT's value is its text, not yet quoted."""

    name: str
    type: str
    value: str
    purpose: str


def records(domain: str, keys: Sequence[PublishedKey], settings: Settings) -> list[Record]:
    """The records of `domain` whose mail this server handles."""
    host = f"{settings.myhostname}."
    return [
        *_mail(domain, host, settings),
        *(_dkim(domain, key) for key in keys),
        *_policies(domain, host, settings),
        *_clients(domain, host, settings),
        Record(
            host,
            "CAA",
            '0 issue "letsencrypt.org"',
            "Only this authority may issue the server's certificates.",
        ),
    ]


def notes(settings: Settings) -> list[str]:
    """What no record of the domain can say."""
    host = settings.myhostname
    found = [
        f"{host} needs A and AAAA records, and the reverse names of its addresses must be {host}.",
        f"The web server needs certificates for the names that lead to {host}: autoconfig, autodiscover, mta-sts.",
    ]
    if settings.relayhost:
        found.append("Mail leaves through a relayhost: add what its provider asks for to the SPF record.")
    return found


def _mail(domain: str, host: str, settings: Settings) -> Iterator[Record]:
    yield Record(f"{domain}.", "MX", f"10 {host}", "Mail for the domain comes to this server.")
    yield Record(
        f"{domain}.", "TXT", "v=spf1 mx ~all", "SPF: mail of the domain is sent by this server (RFC 7208)."
    )
    yield Record(
        f"_dmarc.{domain}.",
        "TXT",
        f"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}",
        "DMARC: what is neither signed nor sent by this server is junk; reports come to postmaster (RFC 7489).",
    )


def _dkim(domain: str, key: PublishedKey) -> Record:
    name = f"{key.selector}._domainkey.{domain}."
    return Record(name, "TXT", key.record, f"DKIM: the key that proves our signatures ({key.algorithm}).")


def _policies(domain: str, host: str, settings: Settings) -> Iterator[Record]:
    yield Record(
        f"_mta-sts.{domain}.",
        "TXT",
        f"v=STSv1; id={mta_sts.policy_id(settings)}",
        "MTA-STS: there is a policy about TLS for mail to the domain (RFC 8461).",
    )
    yield Record(f"mta-sts.{domain}.", "CNAME", host, "MTA-STS: where other servers read that policy.")
    yield Record(
        f"_smtp._tls.{domain}.",
        "TXT",
        f"v=TLSRPTv1; rua=mailto:postmaster@{domain}",
        "TLS-RPT: other servers report failed TLS to postmaster (RFC 8460).",
    )


def _clients(domain: str, host: str, settings: Settings) -> Iterator[Record]:
    yield from (_service(domain, host, offer) for offer in offers(settings))
    yield Record(
        f"_autodiscover._tcp.{domain}.",
        "SRV",
        f"0 1 443 {host}",
        "Outlook finds its settings at this server.",
    )
    yield Record(f"autodiscover.{domain}.", "CNAME", host, "Outlook finds its settings under this name.")
    yield Record(f"autoconfig.{domain}.", "CNAME", host, "Thunderbird finds its settings under this name.")


def _service(domain: str, host: str, offer: Offer) -> Record:
    name = f"_{offer.service}._tcp.{domain}."
    if not offer.port:
        return Record(name, "SRV", "0 0 0 .", f"Clients: there is no {offer.service} here (RFC 6186 3.4).")
    # RFC 8314 5.1: TLS from the first octet is what clients should choose.
    priority = 0 if offer.tls == "implicit" else 10
    return Record(name, "SRV", f"{priority} 1 {offer.port} {host}", f"Clients find {offer.service} here.")


def zone(domain: str, found: Sequence[Record], remarks: Sequence[str]) -> str:
    """The records as lines for a zone file (RFC 1035 5.1); those of another zone are comments."""
    lines = [f"; Mail for {domain}, as this server wants it published.", *(f"; {text}" for text in remarks)]
    for record in found:
        value = _strings(record.value) if record.type == "TXT" else record.value
        ours = record.name == f"{domain}." or record.name.endswith(f".{domain}.")
        lines += ["", f"; {record.purpose}" + ("" if ours else " (In another zone.)")]
        lines.append(f"{'' if ours else '; '}{record.name} {TTL} IN {record.type} {value}")
    return "\n".join(lines) + "\n"


def _strings(text: str) -> str:
    pieces = [text[at : at + _STRING] for at in range(0, len(text), _STRING)]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
