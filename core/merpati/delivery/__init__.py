"""Delivery, the one door for every message: expand, check, place or queue, in one transaction for all recipients."""

from merpati.delivery.door import Delivery
from merpati.delivery.headers import head
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
    "Delivered",
    "Delivery",
    "Incoming",
    "Loop",
    "Outcome",
    "Recipient",
    "Trace",
    "Undeliverable",
    "head",
]
