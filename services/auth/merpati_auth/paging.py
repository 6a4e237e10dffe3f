"""Pages of a listing: `limit` and an opaque `cursor` in, `next` and a Link header (RFC 8288) out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from merpati.platform.errors import Invalid

R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)


class Page(BaseModel, Generic[M]):
    """A part of a listing."""

    items: list[M]
    next: str | None = Field(
        description="Where the next part is; null on the last.",
        examples=["/api/v1/accounts?limit=100&cursor=c2FyaUBrbGluaWsuZXhhbXBsZQ"],
    )


@dataclass(slots=True)
class Paging:
    """A dependency: the part that the request asks for."""

    request: Request
    response: Response
    limit: Annotated[int, Query(ge=1, le=500, description="How many things at most.")] = 100
    cursor: Annotated[
        str, Query(max_length=1_000, description="From `next` of the part before; never made by hand.")
    ] = ""

    @property
    def ask(self) -> int:
        """How many records to read: one more than shown tells whether there is a next part."""
        return self.limit + 1

    def after(self) -> str:
        """The key of the last thing of the part before. Raises `Invalid`."""
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            key = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise Invalid("not a cursor of this listing", field="cursor") from error
        if "\0" in key:
            raise Invalid("not a cursor of this listing", field="cursor")
        return key

    def after_row(self, first: int) -> int:
        """Likewise where the key is a row's number."""
        key = self.after()
        if not key:
            return first
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            raise Invalid("not a cursor of this listing", field="cursor")
        return int(key)

    def page(self, records: Sequence[R], key: Callable[[R], object], show: Callable[[R], M]) -> Page[M]:
        """The part, with the way to the next one."""
        shown = records[: self.limit]
        following = None
        if len(records) > self.limit:
            cursor = base64.urlsafe_b64encode(str(key(shown[-1])).encode()).decode().rstrip("=")
            url = self.request.url.include_query_params(cursor=cursor)
            following = f"{url.path}?{url.query}"
            self.response.headers["Link"] = f'<{following}>; rel="next"'
        return Page(items=[show(record) for record in shown], next=following)
