"""What a server says in its answer to EHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from merpati_smtp.outbound.replies import Reply


@dataclass(frozen=True, slots=True)
class Features:
    """The server's name and its extensions, keywords in capitals."""

    name: str = ""
    extensions: frozenset[str] = frozenset()
    size: int = 0
    """The largest message it takes; 0: it did not say (RFC 1870)."""
    mechanisms: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reply: Reply) -> Features:
        """Read an EHLO reply; what is not understood is left out."""
        first, *lines = reply.lines
        extensions = set()
        mechanisms: set[str] = set()
        size = 0
        for line in lines:
            # `AUTH=LOGIN PLAIN` is the form of servers older than RFC 2554.
            keyword, *parameters = line.upper().replace("AUTH=", "AUTH ").split() or [""]
            extensions.add(keyword)
            if keyword == "AUTH":
                mechanisms.update(parameters)
            elif keyword == "SIZE" and parameters and parameters[0].isdecimal():
                size = int(parameters[0][:18])
        return cls((first.split() or [""])[0], frozenset(extensions), size, frozenset(mechanisms))

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.extensions
