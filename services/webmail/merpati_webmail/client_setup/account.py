"""The address a mail program asks about: looked at for its form alone, for who asks must not learn who exists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from merpati.directory import fold_address, split_address
from merpati.platform.errors import Invalid
from merpati.platform.offers import Offer, offers
from merpati.platform.settings import Settings

_FORM = re.compile(r"[^\s\"()<>\[\]\\,;:@]{1,64}@[^\s\"()<>\[\]\\,;:@]{1,253}")


@dataclass(frozen=True, slots=True)
class Account:
    """An address, the server's name, and what is offered there, the best first."""

    address: str
    domain: str
    hostname: str
    offers: Sequence[Offer]

    def best(self, *protocols: str) -> Offer | None:
        """The first way by one of the protocols, in their order."""
        found = [offer for name in protocols for offer in self.offers if offer.protocol == name]
        return found[0] if found else None


def account_of(address: str, settings: Settings) -> Account:
    """Raises `Invalid` where `address` is no plain address."""
    if not address.isprintable() or not _FORM.fullmatch(address):
        raise Invalid("this is no mail address")
    folded = fold_address(address)
    offered = [offer for offer in offers(settings) if offer.port]
    return Account(folded, split_address(folded)[1], settings.myhostname, offered)
