"""Expands a recipient into accounts and remote addresses: aliases, subaddresses, postmaster@ and abuse@."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from merpati.directory.address import fold_address, split_address, without_detail
from merpati.directory.model import LocalTarget, Resolution

MAX_DEPTH = 10  # aliases of aliases
MAX_TARGETS = 10_000  # of one recipient
CONTACTS = frozenset({"postmaster", "abuse"})  # in every domain: RFC 5321 4.5.1, RFC 2142 4


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory holds under one name."""

    local_domain: bool
    enabled: bool = False
    contact: str | None = None
    kind: str | None = None
    account: LocalTarget | None = None
    receives: bool = False
    has_mailbox: bool = False
    targets: Sequence[str] = ()


Lookup = Callable[[Sequence[tuple[str, str]]], Awaitable[Sequence[Entry]]]
"""The entries of (local part, domain) pairs, in their order."""
FirstPostmaster = Callable[[], Awaitable[LocalTarget | None]]


@dataclass(slots=True)
class Expansion:
    """One recipient's expansion, a level of aliases at a time."""

    lookup: Lookup
    first_postmaster: FirstPostmaster
    delimiters: str
    hostname: str
    locals: dict[int, LocalTarget] = field(default_factory=dict)
    remotes: dict[str, None] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    contact_met: bool = False
    """Whether postmaster@ or abuse@ of a domain of ours was among the names."""

    async def run(self, address: str) -> Resolution:
        """Expand `address`. Raises `Invalid` where it is none."""
        if address.lower() == "postmaster":  # RFC 5321 4.5.1: also without a domain
            address = f"postmaster@{self.hostname}"
        wave = [fold_address(address)]
        first: Entry | None = None
        for _ in range(MAX_DEPTH + 1):
            self.seen.update(wave)
            entries = await self._entries(wave)
            first = first or entries[0]
            following: dict[str, None] = {}
            for name, entry in zip(wave, entries, strict=True):
                for target in await self._take(name, entry, nested=entry is not first):
                    folded = fold_address(target)
                    if folded not in self.seen:  # a loop of aliases ends here
                        following[folded] = None
            wave = list(following)[: MAX_TARGETS - len(self.seen)]
            if not wave:
                break
        assert first is not None
        if self.contact_met and not (self.locals or self.remotes):  # the contact named leads nowhere
            await self._add_first_postmaster()
        known = bool(self.locals or self.remotes)
        return Resolution(
            known=known,
            local_domain=first.local_domain,
            locals=tuple(self.locals.values()),
            remotes=tuple(self.remotes),
            disabled=not known and (first.has_mailbox or (first.local_domain and not first.enabled)),
        )

    async def _entries(self, wave: Sequence[str]) -> list[Entry]:
        """The entry of each address: its own if there is one, else that without the subaddress."""
        pairs = [split_address(address) for address in wave]
        shortened = [(without_detail(local, self.delimiters), domain) for local, domain in pairs]
        extra = [(short, pair) for short, pair in zip(shortened, pairs, strict=True) if short != pair]
        found = list(await self.lookup([*pairs, *(short for short, _ in extra)]))
        entries, fallbacks = found[: len(pairs)], iter(found[len(pairs) :])
        for position, (short, pair) in enumerate(zip(shortened, pairs, strict=True)):
            fallback = next(fallbacks) if short != pair else None
            if fallback is not None and entries[position].kind is None:
                entries[position] = fallback
        return entries

    async def _take(self, address: str, entry: Entry, *, nested: bool) -> Sequence[str]:
        """Note where `address` leads; returns what is still to be expanded."""
        local, domain = split_address(address)
        ours = entry.local_domain and entry.enabled
        contact = without_detail(local, self.delimiters) in CONTACTS and (ours or domain == self.hostname)
        self.contact_met |= contact
        if ours and entry.kind == "alias":
            return entry.targets
        if ours and entry.account is not None and entry.receives:
            self.locals[entry.account.account_id] = entry.account
        elif contact and entry.contact:
            return (entry.contact,)
        elif contact and not entry.has_mailbox:
            await self._add_first_postmaster()
        elif nested and not entry.local_domain:
            self.remotes[address] = None
        return ()

    async def _add_first_postmaster(self) -> None:
        target = await self.first_postmaster()
        if target is not None:
            self.locals[target.account_id] = target
