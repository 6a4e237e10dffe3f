"""The message list: one page of a folder, newest first, or of what a search found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from merpati.store import Flag, Mailbox, Snapshot, Store
from merpati_webmail import folders, search
from merpati_webmail.rendering import sender_name

PAGE = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a folder the reader is: the page, and the search that made the list."""

    page: int = 1
    words: str = ""
    where: str = "all"

    @classmethod
    def of(cls, query: QueryParams) -> Place:
        """The place that a query string names; nonsense is the first page."""
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
        where = query.get("in", "all")
        return cls(
            max(number, 1),
            query.get("q", "").strip()[: search.MAX_QUERY],
            where if where in search.FIELDS else "all",
        )

    @property
    def suffix(self) -> str:
        """The query string of this place, with its `?`."""
        query: dict[str, str | int] = {}
        if self.words:
            query = {"q": self.words}
            if self.where != "all":
                query["in"] = self.where
        if self.page > 1:
            query["page"] = self.page
        return f"?{urlencode(query)}" if query else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    uid: int
    url: str
    who: str
    subject: str
    preview: str
    date: datetime
    seen: bool
    flagged: bool
    answered: bool
    has_attachment: bool


@dataclass(slots=True)
class Listing:
    """One page of the list, and the ways to its neighbours."""

    place: Place
    total: int = 0
    rows: list[Row] = field(default_factory=list)
    incomplete: bool = False

    @property
    def words(self) -> str:
        return self.place.words

    @property
    def where(self) -> str:
        return self.place.where

    @property
    def page(self) -> int:
        return self.place.page

    @property
    def suffix(self) -> str:
        return self.place.suffix

    @property
    def pages(self) -> int:
        return max((self.total + PAGE - 1) // PAGE, 1)

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1

    @property
    def last(self) -> int:
        return min(self.page * PAGE, self.total)

    @property
    def newer(self) -> str:
        """Query string of the page before; empty on the first."""
        return self._at(self.page - 1) if self.page > 1 else ""

    @property
    def older(self) -> str:
        """Query string of the page after; empty on the last."""
        return self._at(self.page + 1) if self.page < self.pages else ""

    def _at(self, page: int) -> str:
        return Place(page, self.words, self.where).suffix or "?page=1"


async def load(store: Store, mailbox: Mailbox, place: Place, *, around: int | None = None) -> Listing:
    """The list at `place`; with `around` the page on which that message stands."""
    snapshot = await store.snapshot(mailbox.account_id, mailbox.id)
    incomplete = False
    found: Sequence[int]
    if place.words:
        result = await search.find(store, snapshot, place.words, place.where)
        found, incomplete = result.uids, result.incomplete
    else:
        found = snapshot.uids[::-1]
    pages = max((len(found) + PAGE - 1) // PAGE, 1)
    page = min(place.page, pages)
    if around is not None and around in found:
        page = found.index(around) // PAGE + 1
    listing = Listing(Place(page, place.words, place.where), len(found), incomplete=incomplete)
    listing.rows = await _rows(store, snapshot, found[(page - 1) * PAGE : page * PAGE], listing)
    return listing


_COLUMNS = ("uid", "from_text", "to_text", "subject", "preview", "received_at", "has_attachment")


async def _rows(store: Store, snapshot: Snapshot, uids: Sequence[int], listing: Listing) -> list[Row]:
    mailbox = snapshot.mailbox
    written_here = folders.kind(mailbox) in ("sent", "drafts")
    rows: list[Row] = []
    wanted = sorted(uids)
    async for uid, sender, recipients, subject, preview, date, attached in store.rows(
        mailbox.account_id, mailbox.id, wanted, _COLUMNS
    ):
        index = snapshot.index(uid)
        flags = Flag(snapshot.flags[index]) if index is not None else Flag.SEEN
        rows.append(
            Row(
                uid=uid,
                url=f"/mail/{mailbox.id}/{uid}{listing.suffix}",
                who=_people(recipients) if written_here else sender_name(sender),
                subject=subject,
                preview=preview,
                date=date,
                seen=Flag.SEEN in flags,
                flagged=Flag.FLAGGED in flags,
                answered=Flag.ANSWERED in flags,
                has_attachment=attached,
            )
        )
    rows.reverse()
    return rows


def _people(text: str) -> str:
    """The names of the first recipients."""
    return ", ".join(sender_name(item) for item in text.split(", ")[:3])
