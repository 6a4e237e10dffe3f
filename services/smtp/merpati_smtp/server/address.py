"""Paths of MAIL and RCPT (RFC 5321 4.1.2), by one regular expression that cannot backtrack."""

from __future__ import annotations

import re

NULL_PATH = "<>"
"""What the null reverse-path is called in an envelope, as aiosmtpd does."""

_LOCAL = r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*"|[^\x00-\x20\x7f"(),:;<>@\[\\\]]+)'
_DOMAIN = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|\[[A-Za-z0-9.:]+\])"
# A source route is read and dropped (RFC 5321 4.1.1.3); <postmaster> may stand alone (4.5.1), and who else
# stands alone is for the policy to say.
_PATH = re.compile(rf"<(?:@[^:<>\s]+:)?({_LOCAL}(?:@{_DOMAIN})?)?>(?:\s+(.*))?\Z", re.DOTALL)
# Old scanners leave the brackets out, and everybody takes it.
_BARE = re.compile(rf"({_LOCAL}@{_DOMAIN})(?:\s+(.*))?\Z", re.DOTALL)

_LONGEST = 254
"""RFC 5321 4.5.3.1.3, without the brackets (RFC 3696, erratum 1690)."""


def parse_path(text: str) -> tuple[str, str] | None:
    """The address (`<>` for the null path) and the rest of the line; None if it is no path."""
    match = _PATH.match(text) or _BARE.match(text)
    if match is None:
        return None
    address = match[1] or NULL_PATH
    if len(address) > _LONGEST:
        return None
    return address, match[2] or ""
