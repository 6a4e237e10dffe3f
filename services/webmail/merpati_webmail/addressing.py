"""Addresses as people type them into a form, and as headers write them."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.headerregistry import Address
from urllib.parse import parse_qsl, unquote

from merpati.directory import fold_address, split_address
from merpati.platform.errors import Invalid
from merpati_webmail.i18n import N_

MAX_RECIPIENTS = 1_000


class BadAddress(Invalid):
    """What was typed is no address; `typed` is what it was."""

    def __init__(self, typed: str) -> None:
        super().__init__(f"{typed} is not a mail address")
        self.typed = typed


def parse(typed: str) -> tuple[list[Address], list[str]]:
    """The addresses that can be read, and what could not."""
    good: list[Address] = []
    bad: list[str] = []
    for item in filter(None, map(str.strip, _split(typed))):
        try:
            good.append(_address(item))
        except BadAddress as error:
            bad.append(error.typed)
    return good, bad


def address(name: str, plain: str) -> Address:
    """An address of our own directory, with a display name."""
    local, domain = split_address(plain)
    return Address(clean_name(name), username=local, domain=domain)


def _split(typed: str) -> list[str]:
    """Cut at separators that stand neither in quotes nor in brackets or comments."""
    items, start, quoted, bracket = [], 0, False, False
    for position, character in enumerate(typed):
        if character == '"' and (position == 0 or typed[position - 1] != "\\"):
            quoted = not quoted
        elif character == "<" and not quoted:
            bracket = True
        elif character == ">" and not quoted:
            bracket = False
        elif (character in ",;" and not quoted and not bracket) or character in "\r\n":
            items.append(typed[start:position])
            start, quoted, bracket = position + 1, False, False
    items.append(typed[start:])
    return items


def _address(item: str) -> Address:
    name, plain = _name_and_address(item)
    try:
        local, domain = split_address(fold_address(plain))
        if not local.isascii():  # SMTPUTF8 (RFC 6531) is offered by few servers: say so before sending
            raise BadAddress(item)
        written, _ = split_address(plain)
        if written.isascii() and fold_address(f"{written}@{domain}") == f"{local}@{domain}":
            local = written  # as typed: its case is the receiver's matter (RFC 5321 2.4)
        return Address(clean_name(name), addr_spec=f"{local}@{domain}")
    except BadAddress:
        raise
    except (Invalid, ValueError, IndexError, HeaderParseError) as error:
        raise BadAddress(item) from error


def _name_and_address(item: str) -> tuple[str, str]:
    found = re.fullmatch(r"(?s)\s*(.*?)\s*<\s*([^<>]*?)\s*>\s*", item)
    if found is None:
        return "", item
    name = found.group(1)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return name, found.group(2)


def clean_name(name: str) -> str:
    """A display name without anything that could end a header line."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+", " ", name).strip()[:200]


def shown(name: str, mailbox: str, host: str) -> str:
    """`Name <address>` for a form's field, quoted where a separator stands in the name."""
    plain = f"{mailbox}@{host}" if host else mailbox
    name = clean_name(name)
    if not name:
        return plain
    if re.search(r'[,;"<>()@:\\\[\]]', name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{plain}>"


def from_mailto(target: str) -> dict[str, str]:
    """Fields for the composer from a `mailto:` address (RFC 6068), without its scheme; only the harmless ones."""
    path, _, query = target[:8_000].partition("?")
    fields = {"to": unquote(path, errors="replace")}
    for name, value in parse_qsl("&".join(query.split("&")[:20])):
        key = name.lower()
        if key in ("to", "cc", "subject", "body"):  # never bcc or attach: the user may not see it
            fields[key] = f"{fields[key]}, {value}" if key in ("to", "cc") and fields.get(key) else value
    return fields


UNREADABLE = N_("“%(address)s” is not a mail address.")
