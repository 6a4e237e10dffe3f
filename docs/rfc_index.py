"""Writes `docs/rfc-index.md`: which file implements which section of an RFC, read from the comments that cite it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ("core", "services")
TRANSCRIPTS = ROOT / "tests" / "protocol"

_HEAD = """\
# RFC index

Which file implements which section. Comments cite sections where they are carried out, transcripts under
`tests/protocol/` name what they show; this page is read from both by `python docs/rfc_index.py > docs/rfc-index.md`.
"""
TITLES = {
    1035: "Domain names",
    1123: "Requirements for Internet hosts",
    1428: "From Just-Send-8 to 8-bit SMTP/MIME",
    1870: "SMTP SIZE",
    1939: "POP3",
    2034: "SMTP ENHANCEDSTATUSCODES",
    2045: "MIME: format of bodies",
    2046: "MIME: media types",
    2047: "MIME: header extensions",
    2142: "Mailbox names for common services",
    2177: "IMAP IDLE",
    2180: "IMAP: mailboxes used by several at once",
    2183: "Content-Disposition",
    2231: "MIME: parameter continuations, charsets, languages",
    2342: "IMAP NAMESPACE",
    2392: "cid: and mid: URLs",
    2449: "POP3 extensions (CAPA)",
    2554: "SMTP AUTH (its old form)",
    2557: "MIME: HTML documents (Content-Location)",
    2595: "TLS for IMAP and POP3",
    2782: "SRV records",
    2920: "SMTP PIPELINING",
    2971: "IMAP ID",
    3206: "POP3 SYS and AUTH response codes",
    3207: "SMTP STARTTLS",
    3348: "IMAP CHILDREN",
    3463: "Enhanced status codes",
    3464: "Delivery status notifications",
    3501: "IMAP4rev1",
    3502: "IMAP MULTIAPPEND",
    3691: "IMAP UNSELECT",
    3696: "Checking of names",
    3834: "Automatic responses",
    3848: "ESMTP transmission types",
    3849: "IPv6 addresses for documentation",
    4027: "text/dns",
    4315: "IMAP UIDPLUS",
    4422: "SASL",
    4616: "SASL PLAIN",
    4731: "IMAP ESEARCH",
    4954: "SMTP AUTH",
    4959: "IMAP SASL-IR",
    5034: "POP3 AUTH",
    5161: "IMAP ENABLE",
    5233: "Subaddresses",
    5258: "IMAP LIST-EXTENDED",
    5321: "SMTP",
    5322: "Internet message format",
    5530: "IMAP response codes",
    5737: "IPv4 addresses for documentation",
    5788: "IMAP keyword registry",
    5819: "IMAP LIST-STATUS",
    5890: "IDNA: definitions",
    5891: "IDNA: protocol",
    5987: "HTTP header parameters: charset",
    6068: "mailto: URLs",
    6152: "SMTP 8BITMIME",
    6154: "IMAP SPECIAL-USE",
    6186: "SRV records for mail clients",
    6265: "HTTP cookies",
    6266: "Content-Disposition in HTTP",
    6376: "DKIM signatures",
    6409: "Message submission",
    6522: "multipart/report",
    6531: "SMTPUTF8",
    6532: "Internationalised headers",
    6533: "Internationalised delivery status",
    6851: "IMAP MOVE",
    6901: "JSON Pointer",
    7162: "IMAP CONDSTORE and QRESYNC",
    7208: "SPF",
    7435: "Opportunistic security",
    7489: "DMARC",
    7505: "Null MX",
    7888: "IMAP LITERAL+",
    8187: "HTTP header parameters: encoding",
    8265: "Usernames and passwords (PRECIS)",
    8288: "Web linking",
    8301: "DKIM: algorithms and key sizes",
    8314: "Clear text considered obsolete: TLS for submission and access",
    8438: "IMAP STATUS=SIZE",
    8460: "SMTP TLS reporting",
    8461: "MTA-STS",
    8463: "DKIM: Ed25519 signatures",
    8474: "IMAP OBJECTID",
    8601: "Authentication-Results",
    8659: "CAA records",
    8996: "TLS 1.0 and 1.1 deprecated",
    9051: "IMAP4rev2",
    9110: "HTTP semantics",
    9208: "IMAP QUOTA",
    9457: "HTTP problem details",
}

_SECTION = r"\d{1,2}(?:\.\d{1,2})*(?![\d.]*\d)"
_CITATION = re.compile(
    rf"RFC (\d{{3,5}})((?: section)? {_SECTION}(?:(?: [A-Z]+)?(?:, | and | to |, and ){_SECTION})*)?"
)
Cited = dict[str, set[Path]]


def citations(text: str) -> Iterator[tuple[int, list[str]]]:
    """RFC numbers with the sections named behind each; none means the RFC as a whole."""
    for match in _CITATION.finditer(re.sub(r"\s+(?:#|--)?\s*", " ", text)):
        yield int(match[1]), re.findall(_SECTION, match[2] or "")


def index() -> dict[int, Cited]:
    """RFC -> section ('' for the whole) -> the files that cite it."""
    found: dict[int, Cited] = defaultdict(lambda: defaultdict(set))
    sources = [path for top in CODE for kind in ("py", "sql") for path in (ROOT / top).rglob(f"*.{kind}")]
    for path in [*sources, *TRANSCRIPTS.rglob("*.txt")]:
        for number, sections in citations(path.read_text()):
            for section in sections or [""]:
                found[number][section].add(path.relative_to(ROOT))
    return found


def page() -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(_rfc(number, cited) for number, cited in sorted(index().items()))


def _rfc(number: int, cited: Cited) -> str:
    rows = "".join(_row(section, cited[section]) for section in sorted(cited, key=_order))
    link = f"https://www.rfc-editor.org/rfc/rfc{number}"
    return f"\n## [RFC {number}]({link}): {TITLES[number]}\n\n| section | code | transcripts |\n|---|---|---|\n{rows}"


def _order(section: str) -> list[int]:
    return [int(piece) for piece in section.split(".")] if section else []


def _row(section: str, paths: set[Path]) -> str:
    code = [path for path in sorted(paths) if path.parts[0] != "tests"]
    shown = [path for path in sorted(paths) if path.parts[0] == "tests"]
    return f"| {section or 'as a whole'} | {_links(code)} | {_links(shown)} |\n"


def _links(paths: list[Path]) -> str:
    return " ".join(f"[{_short(path)}](../{path.as_posix()})" for path in paths)


def _short(path: Path) -> str:
    """`core/merpati/message/wire.py` -> `message/wire.py`: the room and the file."""
    return "/".join(path.parts[-2:])


if __name__ == "__main__":
    print(page(), end="")
