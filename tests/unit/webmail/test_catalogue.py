"""Every text of the pages is in both catalogues, and the Indonesian one has no gap."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import merpati_webmail
from merpati_webmail import i18n

PACKAGE = Path(merpati_webmail.__file__).parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {
    "**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}
}
KEYWORDS = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)}


def texts() -> set[str]:
    found = extract_from_dir(PACKAGE, METHODS, OPTIONS, keywords=KEYWORDS)
    return {message[0] if isinstance(message, tuple) else message for _, _, message, _, _ in found}


def test_the_pages_have_texts() -> None:
    assert {"Inbox", "Reply all", "The draft was saved.", "(no subject)"} <= texts()


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_catalogue_is_complete_and_has_nothing_else(language: str) -> None:
    with (i18n.LOCALES / language / "LC_MESSAGES" / "webmail.po").open("rb") as file:
        catalogue = read_po(file)
    known = {
        message.id[0] if isinstance(message.id, tuple) else message.id for message in catalogue if message.id
    }
    assert known == texts()


def test_indonesian_says_everything_with_the_same_values() -> None:
    with (i18n.LOCALES / "id" / "LC_MESSAGES" / "webmail.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if not message.id:
            continue
        source = message.id[0] if isinstance(message.id, tuple) else message.id
        for translated in message.string if isinstance(message.string, tuple) else (message.string,):
            assert translated, f"not translated: {source}"
            assert set(_names(translated)) == set(_names(source)), source
            assert all(character not in translated for character in "<>"), source


def _names(text: str) -> list[str]:
    return [part.split(")")[0] for part in text.split("%(")[1:]]


def test_english_is_for_languages_we_do_not_have() -> None:
    assert i18n.translations("xx").gettext("Inbox") == "Inbox"
    assert i18n.translations("id").gettext("Inbox") == "Kotak Masuk"
