"""What a person can do about a failed delivery, by its status code (RFC 3463)."""

from __future__ import annotations

_TYPING = "Check the address for typing mistakes, or ask the recipient for the right one in another way."
_DOMAIN = "Check the part of the address behind the @: no mail server was found for it."
_POSTMASTER = "Pass this report on to your postmaster, who can see why."
_POLICY = (
    "The other side refuses this message by its own rules. If it should have been taken, pass this report"
    " on to your postmaster, or reach the recipient in another way."
)
_FULL = "The recipient's mailbox is full. Try again in some days, or reach the recipient in another way."
_LARGE = "The message is too large for the other side. Send it with smaller or fewer attachments."

_BY_CODE = {
    "1.1": _TYPING,
    "1.2": _DOMAIN,
    "1.3": _TYPING,
    "1.6": "The recipient has moved. Ask for the new address in another way.",
    "1.10": "That domain says that it takes no mail at all. Look for another address of the recipient.",
    "2.1": "The recipient's mailbox is switched off. Reach the recipient in another way.",
    "2.2": _FULL,
    "2.3": _LARGE,
    "3.4": _LARGE,
    "4.4": _DOMAIN,
    "4.6": _POSTMASTER,
    "6.7": "The other side can't take addresses with these letters. Ask for an address in plain letters.",
}
_BY_SUBJECT = {"1": _TYPING, "2": _FULL, "7": _POLICY}
_LATER = (
    "The other side could not take the message in all this time. If the address is right, send the message"
    " again later, or reach the recipient in another way."
)


def advice(status: str, *, expired: bool) -> str:
    """One or two sentences; `expired`: the message was not refused, it waited too long."""
    _, _, rest = status.partition(".")
    if rest in _BY_CODE:
        return _BY_CODE[rest]
    if expired:
        return _LATER
    return _BY_SUBJECT.get(rest.partition(".")[0], _POSTMASTER)
