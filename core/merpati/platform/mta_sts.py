"""The MTA-STS policy of this server: who may take its domains' mail, and only over verified TLS (RFC 8461)."""

from __future__ import annotations

import hashlib

from merpati.platform.settings import Settings

_MAX_AGE = {"none": 86_400, "testing": 86_400, "enforce": 30 * 86_400}
"""Seconds for which senders remember it: short while it may still be taken back."""


def policy(settings: Settings) -> str:
    """The text of `https://mta-sts.DOMAIN/.well-known/mta-sts.txt` (RFC 8461 3.2), the same for all domains."""
    mode = settings.mta_sts_mode
    lines = ["version: STSv1", f"mode: {mode}", f"mx: {settings.myhostname}", f"max_age: {_MAX_AGE[mode]}"]
    return "".join(f"{line}\r\n" for line in lines)


def policy_id(settings: Settings) -> str:
    """`id=` of the TXT record: another one whenever the policy says something else (RFC 8461 3.1)."""
    return hashlib.sha256(policy(settings).encode()).hexdigest()[:20]
