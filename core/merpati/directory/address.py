"""The syntax of mail addresses and domains, and the one folded form in which they are compared."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import ip_address

import idna

from merpati.platform.errors import Invalid

MAX_LOCAL = 64  # RFC 5321 4.5.3.1.1, octets
MAX_DOMAIN = 255  # RFC 5321 4.5.3.1.2, octets
MAX_ADDRESS = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets, less its brackets

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"  # RFC 5322 3.2.3, with RFC 6531 3.3
_DOT_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"')  # RFC 5321 4.1.2
_OWN_LOCAL = re.compile(r"[a-z0-9_'&=~+-]+(?:\.[a-z0-9_'&=~+-]+)*")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123 2.1


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain as written; the domain is what follows the last `@`. Raises `Invalid`."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise Invalid(f"{_shown(address)} is not a mail address")
    return local, domain


def fold_address(address: str) -> str:
    """The form in which addresses are compared: lower case, no needless quotes, the domain in A-labels.

    Raises `Invalid` where the address breaks RFC 5321 or is longer than it allows.
    """
    local, domain = split_address(address)
    folded = f"{_fold_local(local, address)}@{fold_domain(domain)}"
    if len(folded.encode()) > MAX_ADDRESS:
        raise Invalid(f"{_shown(address)} is longer than {MAX_ADDRESS} octets")
    return folded


def fold_domain(domain: str) -> str:
    """A domain in lower-case A-labels without a final dot (RFC 5891); an address literal stays. Raises `Invalid`.

    Underscores pass: real senders have them, though no host name should (RFC 1123).
    """
    if domain.startswith("[") and domain.endswith("]"):
        return _fold_literal(domain)
    name = domain.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise Invalid(f"{_shown(domain)} is not a domain name") from error
    name = name.lower()
    if len(name) > MAX_DOMAIN or not all(map(_LABEL.fullmatch, name.split("."))):
        raise Invalid(f"{_shown(domain)} is not a domain name")
    return name


def fold_new_domain(domain: str) -> str:
    """`fold_domain` for a domain of our own: a host name of at least two labels, no literal. Raises `Invalid`."""
    name = fold_domain(domain)
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(map(_HOST_LABEL.fullmatch, labels)):
        raise Invalid(f"{_shown(domain)} is not a full domain name")
    return name


def fold_new_address(address: str) -> str:
    """`fold_address` for one of our own: ASCII that every client and URL takes. Raises `Invalid`."""
    folded = fold_address(address)
    local, domain = split_address(folded)
    if not _OWN_LOCAL.fullmatch(local):
        raise Invalid(f"{_shown(address)}: letters, digits and . _ - + ' & = ~ may stand before the @")
    return f"{local}@{fold_new_domain(domain)}"


def without_detail(local: str, delimiters: str) -> str:
    """The local part without its subaddress (RFC 5233); any character of `delimiters` begins the detail."""
    for position, character in enumerate(local):
        if position and character in delimiters:
            return local[:position]
    return local


def _fold_local(local: str, address: str) -> str:
    name = unicodedata.normalize("NFC", local).lower()
    if name.startswith('"') and _QUOTED.fullmatch(name):
        plain = re.sub(r"\\(.)", r"\1", name[1:-1])
        name = plain if _DOT_ATOM.fullmatch(plain) else name
    elif not _DOT_ATOM.fullmatch(name):
        raise Invalid(f"{_shown(address)} is not a mail address")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:  # a lone surrogate: never was UTF-8
        raise Invalid(f"{_shown(address)} is not a mail address") from error
    if size > MAX_LOCAL:
        raise Invalid(f"{_shown(address)} has more than {MAX_LOCAL} octets before its @")
    return name


def _fold_literal(domain: str) -> str:
    text = domain[1:-1]
    try:
        address = ip_address(text[5:] if text[:5].lower() == "ipv6:" else text)
    except ValueError as error:
        raise Invalid(f"{_shown(domain)} is not an address literal") from error
    return f"[ipv6:{address}]" if address.version == 6 else f"[{address}]"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 100 else text[:100] + "…")
