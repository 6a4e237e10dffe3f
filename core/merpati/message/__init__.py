"""Message: bytes -> headers, part tree with byte offsets, IMAP's wire forms, text. Pure; never raises on bad mail."""

from merpati.message.addresses import Address, addresses
from merpati.message.dates import parse_date, written_date
from merpati.message.headers import LISTED, first_values, header_end, headers, select_lines, unfold
from merpati.message.lines import normalise_line_ends
from merpati.message.part import Part
from merpati.message.parts import parse
from merpati.message.preview import strip_html
from merpati.message.readable import Readable, readable
from merpati.message.sections import Section, section, span
from merpati.message.summary import Summary, summarise
from merpati.message.wire import envelope, nstring, string, structures
from merpati.message.words import decode_header

__all__ = [
    "LISTED",
    "Address",
    "Part",
    "Readable",
    "Section",
    "Summary",
    "addresses",
    "decode_header",
    "envelope",
    "first_values",
    "header_end",
    "headers",
    "normalise_line_ends",
    "nstring",
    "parse",
    "parse_date",
    "readable",
    "section",
    "select_lines",
    "span",
    "string",
    "strip_html",
    "structures",
    "summarise",
    "unfold",
    "written_date",
]
