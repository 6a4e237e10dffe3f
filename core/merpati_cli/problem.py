"""`Problem`: why a command was not done, in words for the person who typed it."""

from __future__ import annotations


class Problem(Exception):
    """Ends the command with one message; the server's refusals end with 1, everything before it with 2."""

    def __init__(self, text: str, exit_code: int = 2, status: int = 0) -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.status = status
