"""The one error tree of core; each protocol maps it to its own replies in its own map."""

from __future__ import annotations


class MerpatiError(Exception):
    """Root of everything that core raises on purpose. The text is fit to be shown to a user."""


class Unavailable(MerpatiError):
    """A dependency (Postgres, auth, disk) cannot serve now: always a temporary failure, try again."""


class OutcomeUnknown(Unavailable):
    """The connection broke while a transaction was committing: it may or may not have happened."""


class DiskFull(Unavailable):
    """Less free disk than the floor: nothing was stored."""


class Invalid(MerpatiError):
    """The request itself is wrong (a bad name, address or value); repeating it will not help.

    `field` names the value that is wrong, where there are several.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class NotFound(MerpatiError):
    """The named thing does not exist."""


class Conflict(MerpatiError):
    """The name is taken or the thing is in use; the text, `kind` and `name` say by what."""

    def __init__(self, text: str, kind: str = "", name: str = "") -> None:
        super().__init__(text)
        self.kind = kind
        self.name = name


class Denied(MerpatiError):
    """The caller is known but may not do this."""


class OverQuota(MerpatiError):
    """The account's mailbox is full."""


class BadCredentials(MerpatiError):
    """Name or password is wrong, or the account may not log in: never says which (RFC 4616 is silent, we are too)."""


class Throttled(Unavailable):
    """Too many failures or requests from this source; `retry_after` is in seconds."""

    def __init__(self, text: str, retry_after: float = 5.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after
