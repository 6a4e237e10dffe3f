"""Signatures on mail: DKIM keys, signing and verifying (RFC 6376, RFC 8463). No DNS and no database in here."""

from merpati.signing.canonical import relaxed_body, relaxed_header
from merpati.signing.dkim import SIGNED, sign
from merpati.signing.keys import Algorithm, DkimKey, generate, load, public_record
from merpati.signing.verify import Verification, verify

__all__ = [
    "SIGNED",
    "Algorithm",
    "DkimKey",
    "Verification",
    "generate",
    "load",
    "public_record",
    "relaxed_body",
    "relaxed_header",
    "sign",
    "verify",
]
