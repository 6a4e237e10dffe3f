"""Which mail is signed, and for which domain: what people here wrote, and our own reports (RFC 6376)."""

from __future__ import annotations

from merpati.directory import SigningKeys, fold_domain
from merpati.message import addresses, header_end, headers
from merpati.platform.errors import Invalid
from merpati.queue import QueueRow, dsn
from merpati_smtp.outbound.content import Content


class Signer:
    """Signs with all keys of the author's domain, so that a verifier may take the one it knows."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    async def sign(self, row: QueueRow, content: Content) -> None:
        """Sign `content`, which is ready to be sent. Raises `Unavailable` and `OSError`: then it may not be sent.

        Mail that only passes through (an alias leads elsewhere) is left as it is: whoever wrote it may have
        forged a name of ours, and our signature would make that true.
        """
        beginning = content.beginning()
        if row.account_id is None and (row.sender or not dsn.is_ours(beginning)):
            return
        domain = author_domain(beginning)
        if domain is not None and (keys := await self._keys.of(domain)):
            await content.sign(keys)


def author_domain(message: bytes) -> str | None:
    """The domain of the first address in From, folded: the one that DMARC compares `d=` with (RFC 7489 3.1.1)."""
    for name, value in headers(message[: header_end(message)]):
        if name.lower() == b"from":
            for item in addresses(value):
                try:
                    return fold_domain(item.host)
                except Invalid:
                    continue
    return None
