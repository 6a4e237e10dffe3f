"""docs/settings.md is what the settings say, and leaves none out."""

from __future__ import annotations

from pathlib import Path

from merpati.platform.settings import Settings
from merpati.platform.settings_page import page

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "run: python -m merpati.platform.settings > docs/settings.md"


def test_the_page_has_every_setting():
    assert all(f"`MERPATI_{name.upper()}`" in page() for name in Settings.model_fields)


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
