"""What the directory answers with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """An account that a recipient leads to, with the account's own address."""

    account_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where a recipient's mail goes.

    A domain of others gives neither `known` nor `local_domain`; `remotes` are targets of our aliases elsewhere.
    """

    known: bool
    local_domain: bool
    locals: tuple[LocalTarget, ...] = ()
    remotes: tuple[str, ...] = ()
    disabled: bool = False
    """The address exists, but takes no mail now (its account's `receive` or its domain is switched off)."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as the services see it; `login_enabled` also counts the domain's own switch."""

    id: int
    address: str
    display_name: str
    role: str
    has_mailbox: bool
    quota: int | None
    login_enabled: bool
    receive_enabled: bool
    language: str
    auth_version: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose credentials they were: auth's answer to a right name and password."""

    account_id: int
    address: str
    role: str
    has_mailbox: bool
    auth_version: int
    display_name: str
    language: str
