"""The only exception that leaves the parsers."""

from __future__ import annotations


class WireError(Exception):
    """The client's command is not IMAP; the text goes into a tagged BAD."""
