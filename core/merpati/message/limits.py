"""The bounds that keep hostile mail cheap; real mail stays far below each of them."""

from __future__ import annotations

MAX_HEADER = 256 * 1024  # bytes of one header block that are looked at
MAX_DEPTH = 50  # nesting of multiparts and embedded messages
MAX_SCANS = 12  # times the message's length that is searched for boundaries, nested levels together
MAX_PARTS = 10_000  # of one message
MAX_UU_LINES = 1_000_000
MAX_ADDRESSES = 2_000  # of one header field
MAX_ADDRESS_TOKENS = 20_000  # words and marks read of one header field
REMEMBERED_FIELD = 200  # octets; shorter fields repeat from mail to mail, and are read once
MAX_PARAMETERS = 100  # of one Content-Type or Content-Disposition
MAX_STRUCTURE_TEXT = 256 * 1024  # bytes of strings in one BODYSTRUCTURE or ENVELOPE; later ones are NIL
MAX_IDENTIFIER = 500  # characters of a Message-ID that are kept (a Postgres index entry holds 2,700 bytes)
MAX_REFERENCES = 200  # Message-IDs kept of References
MAX_SUBJECT = 2_000  # characters
MAX_ADDRESS_TEXT = 16_000  # characters of from_text and to_text
MAX_FILENAME = 200  # characters
PREVIEW = 200  # characters
PREVIEW_SOURCE = {"plain": 1_200, "html": 16 * 1024}  # bytes of a text part that the preview is made from
