"""Delivery, the one door for every message: expand, check, place or queue, in one transaction for all recipients."""

from merpati.delivery.asking import committed
from merpati.delivery.door import Delivery
from merpati.delivery.headers import head
from merpati.delivery.sql import NOT_PLACED as SQLSTATE_NOT_PLACED
from merpati.delivery.sql import enter as enter_statement
from merpati.delivery.types import (
    Delivered,
    Incoming,
    Loop,
    Outcome,
    Recipient,
    Trace,
    Undeliverable,
)

__all__ = [
    "SQLSTATE_NOT_PLACED",
    "Delivered",
    "Delivery",
    "Incoming",
    "Loop",
    "Outcome",
    "Recipient",
    "Trace",
    "Undeliverable",
    "committed",
    "enter_statement",
    "head",
]
