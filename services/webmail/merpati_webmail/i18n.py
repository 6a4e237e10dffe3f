"""The languages of the web pages: catalogues are read from their .po files at start, nothing is compiled to disk."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LOCALES = Path(__file__).parent / "locales"
LANGUAGES: Mapping[str, str] = {"en": "English", "id": "Bahasa Indonesia"}
"""Languages by code, each under its own name."""

_LOCALES = {"en": Locale("en", "GB"), "id": Locale("id", "ID")}  # a day before its month, 24 hours


def N_(text: str) -> str:
    """Mark a text for translation where it is defined; it is translated where it is shown."""
    return text


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of `language`; English for one we do not have."""
    path = LOCALES / (language if language in LANGUAGES else "en") / "LC_MESSAGES" / "webmail.po"
    with path.open("rb") as source:
        catalogue = read_po(source, locale=path.parent.parent.name)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def negotiate(accept_language: str) -> str:
    """The best language for a browser that has not logged in (RFC 9110 12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for item in accept_language.split(",")[:20]:
        tag, _, parameter = item.partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        wanted.append((quality, tag.strip().lower().partition("-")[0]))
    known = [(quality, tag) for quality, tag in wanted if tag in LANGUAGES and quality > 0]
    return max(known, key=lambda pair: pair[0])[1] if known else "en"


def short_date(moment: datetime, language: str, now: datetime | None = None) -> str:
    """As a list shows it: the time today, day and month this year, else the date."""
    moment = moment.astimezone()
    now = (now or datetime.now(UTC)).astimezone(moment.tzinfo)
    locale = _LOCALES[language]
    if moment.date() == now.date():
        return format_time(moment, "short", locale=locale)
    if moment.year == now.year:
        return format_date(moment, "d MMM", locale=locale)
    return format_date(moment, "short", locale=locale)


def long_date(moment: datetime, language: str) -> str:
    """In full, as the message's head shows it."""
    return format_datetime(moment.astimezone(), "EEEE, d MMMM y, HH:mm z", locale=_LOCALES[language])


def file_size(size: int, language: str) -> str:
    """A size that people read."""
    locale = _LOCALES[language]
    if size < 1024:
        return f"{size} B"
    value, unit = size / 1024, "KB"
    if value >= 1024:
        value, unit = value / 1024, "MB"
    return f"{format_decimal(value, '0' if value >= 10 else '0.#', locale=locale)} {unit}"
