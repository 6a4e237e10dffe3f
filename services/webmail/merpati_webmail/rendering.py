"""Templates to pages: one Jinja environment a language, everything escaped, undefined names are errors."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from merpati_webmail import i18n, links
from merpati_webmail.assets import Assets
from merpati_webmail.headers import page_policy


class Templates:
    """Renders `templates/pages/*` with their layout, partials and macros."""

    def __init__(self, assets: Assets) -> None:
        self._environments = {language: _environment(language, assets) for language in i18n.LANGUAGES}

    def page(self, language: str, name: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page `name` in `language`, with a CSP that allows exactly its own script and style."""
        nonce = secrets.token_urlsafe(16)
        html = self.render(language, f"pages/{name}.html", nonce=nonce, **context)
        return HTMLResponse(html, status_code=status, headers={"Content-Security-Policy": page_policy(nonce)})

    def render(self, language: str, template: str, **context: Any) -> str:
        """One template as text."""
        return self._environments[language].get_template(template).render(language=language, **context)


def _environment(language: str, assets: Assets) -> Environment:
    environment = Environment(
        loader=PackageLoader("merpati_webmail"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(i18n.translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"asset": assets.url, "languages": i18n.LANGUAGES}
    environment.filters |= {
        "short_date": partial(i18n.short_date, language=language),
        "long_date": partial(i18n.long_date, language=language),
        "blocks": links.blocks,
        "filesize": partial(i18n.file_size, language=language),
        "sendername": sender_name,
    }
    return environment


def sender_name(text: str) -> str:
    """The name of `Name <address>`, or the address where there is none."""
    name = text.partition("<")[0].strip().strip('"').strip()
    return name or text.strip("<> ")
