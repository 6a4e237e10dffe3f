"""The launcher's one kind of failure: a line that says what is wrong and what to do."""

from __future__ import annotations


class Refused(Exception):
    """Something the operator must change first; printed as one line, exit code 2."""
