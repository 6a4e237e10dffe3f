"""Cleaning the HTML of mail: what is left is structure and text in our own look, and nothing that acts.

nh3 (ammonia on html5ever) parses as a browser does and writes its own tree back, so repaired markup
cannot come alive later. Nothing is rewritten after that: links and pictures are decided inside its
attribute filter. Every `style`, class, id and colour of the mail is dropped, so the reader's own light
or dark look applies and no CSS of a stranger is ever parsed. The frame's CSP stands behind all this.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import nh3

MAX_HTML = 2 * 1024 * 1024
"""Characters of HTML that are shown; the rest is cut, and the page says so."""

TAGS = frozenset(
    """a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup
    dd del dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li
    main mark nav ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th
    thead tr tt u ul var wbr""".split()
)

# Elements whose text is not text for the reader, or that a browser would parse by other rules
# (RCDATA, RAWTEXT, foreign content): they go with all that is in them.
_DROPPED = frozenset(
    """applet audio canvas embed frame frameset head iframe link math meta noembed noframes noscript
    object plaintext script select style svg template textarea title video xmp""".split()
)

_EVERYWHERE = {"dir", "lang"}
_CELL = {"align", "valign", "colspan", "rowspan"}
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start", "type"},
    "table": {"align"},
    "col": {"span"},
    "colgroup": {"span"},
    "td": _CELL,
    "th": _CELL,
    "tr": {"align", "valign"},
    "div": {"align"},
    "p": {"align"},
}
_NUMBERS = {"width", "height", "colspan", "rowspan", "span", "start"}
_KEYWORDS = {
    "align": {"left", "right", "center", "justify"},
    "valign": {"top", "middle", "bottom", "baseline"},
    "dir": {"ltr", "rtl", "auto"},
    "type": {"1", "a", "A", "i", "I"},
}
_SCHEMES = {"http", "https", "mailto", "cid", "data"}
# Pictures only; never SVG, which is a document.
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,4}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")


@dataclass(slots=True)
class Cleaned:
    """HTML that may be put into the frame."""

    html: str
    blocked: int = 0
    """Pictures on other servers that were left out."""
    remote: int = 0
    """Pictures on other servers that are shown, because the reader asked."""
    truncated: bool = False


def clean(
    html: str, *, images: bool = False, inline: Callable[[str], str | None] = lambda _cid: None
) -> Cleaned:
    """Clean `html`; `inline` gives the address of an inline picture by its Content-ID, or None.

    Remote pictures are left out and counted unless `images`.
    """
    result = Cleaned("", truncated=len(html) > MAX_HTML)

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return _picture(value, result, images=images, inline=inline)
        if name == "href":
            return link(value)
        if name in _NUMBERS:
            return value if _NUMBER.fullmatch(value.strip()) else None
        if name in _KEYWORDS:
            kept = value.strip() if tag == "ol" else value.strip().lower()
            return kept if kept in _KEYWORDS[name] else None
        if name == "lang":
            return value if _LANGUAGE.fullmatch(value) else None
        return value  # alt, title: text; rel, target: ours

    result.html = nh3.clean(
        html[:MAX_HTML],
        tags=set(TAGS),
        clean_content_tags=set(_DROPPED),
        attributes={**{tag: set(names) for tag, names in _ATTRIBUTES.items()}, "*": _EVERYWHERE},
        attribute_filter=attribute,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        link_rel="noopener noreferrer",
        url_schemes=_SCHEMES,
        strip_comments=True,
    )
    return result


def link(value: str) -> str | None:
    """The address a link in a mail may lead to: the web, or our own composer for `mailto:`; else None."""
    address = _strip(value)
    scheme = address.partition(":")[0].lower()
    if scheme == "mailto":
        return "/compose?mailto=" + quote(address[7:], safe="")
    if scheme not in ("http", "https"):
        return None
    try:
        return address if urlsplit(address).hostname else None
    except ValueError:  # an invalid IPv6 literal, for one
        return None


def _picture(value: str, result: Cleaned, *, images: bool, inline: Callable[[str], str | None]) -> str | None:
    address = _strip(value)
    scheme = address.partition(":")[0].lower()
    if scheme == "cid":
        return inline(unquote(address[4:]))  # RFC 2392 2: a URL spells some characters of an id as %xx
    if scheme == "data":
        return address if _DATA_IMAGE.fullmatch(address) else None
    if link(address) is None or scheme == "mailto":
        return None
    if not images:
        result.blocked += 1
        return None
    result.remote += 1
    return address


def _strip(value: str) -> str:
    """Drop what the WHATWG URL parser would drop, so that we judge the address the browser would see."""
    return re.sub(r"[\t\n\r]", "", value).strip("".join(map(chr, range(0x21))))
