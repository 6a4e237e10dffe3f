"""Every reply code this service sends, and the one map from core's errors to replies (RFC 5321 4.2, RFC 3463)."""

from __future__ import annotations

from merpati.delivery import Loop, Outcome, Undeliverable
from merpati.platform.errors import (
    BadCredentials,
    Denied,
    DiskFull,
    Invalid,
    MerpatiError,
    OverQuota,
    Throttled,
    Unavailable,
)

# The connection
SHUTTING_DOWN = "421 4.3.2 Service shutting down, try again in a moment"
TIMEOUT = "421 4.4.2 Timeout, closing the connection"
TOO_MANY_CONNECTIONS = "421 4.7.0 Too many connections, try again later"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors, closing the connection"
NOT_HTTP = "421 4.7.0 This is a mail server, closing the connection"
GOODBYE = "221 2.0.0 Goodbye"

# Commands
OK = "250 2.0.0 OK"
FAILED = "451 4.3.0 Temporary failure, try again later"
LINE_TOO_LONG = "500 5.5.2 Line too long"
BARE_LINE_FEED = "500 5.5.2 Lines end with CR LF"
NOT_ASCII = "500 5.5.2 Not ASCII"
UNKNOWN_COMMAND = "500 5.5.2 Unknown command"
READY_FOR_TLS = "220 2.0.0 Ready to start TLS"
TLS_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
TLS_ACTIVE = "503 5.5.1 TLS is already active"
NO_TLS = "502 5.5.1 STARTTLS is not offered here"
NO_ARGUMENT = "501 5.5.4 No argument is allowed"

# MAIL and RCPT
SENDER_OK = "250 2.1.0 OK"
RECIPIENT_OK = "250 2.1.5 OK"
NO_MAIL = "503 5.5.1 Send MAIL first"
NO_RECIPIENT = "503 5.5.1 Send RCPT first"
NO_VALID_RECIPIENT = "554 5.5.1 No valid recipients"
USER_UNKNOWN = "550 5.1.1 No such user here"
SENDER_SYNTAX = "501 5.1.7 Bad sender address"
RECIPIENT_SYNTAX = "501 5.1.3 Bad recipient address"
SENDER_NOT_QUALIFIED = "504 5.5.2 Sender address needs a domain"
RECEIVE_DISABLED = "550 5.2.1 Mailbox takes no mail"
RELAY_DENIED = "554 5.7.1 Relay access denied"
SENDER_NOT_OWNED = "553 5.7.1 This sender address is not yours"
FROM_NOT_OWNED = "553 5.7.1 The address in the From header is not yours"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients"
TOO_MUCH_MAIL = "450 4.7.1 Too much mail from this address, try again later"
DAILY_LIMIT = "450 4.7.1 Daily limit of recipients reached"
MAILBOX_FULL = "452 4.2.2 Mailbox is full"
MAILBOX_FULL_FOR_GOOD = "552 5.2.2 Mailbox is full"

# DATA
SEND_DATA = "354 End data with <CR><LF>.<CR><LF>"
TOO_BIG = "552 5.3.4 Message is too big"
STRAY_LINE_ENDS = "550 5.5.2 Message has a CR or LF that stands alone"
LOOP = "554 5.4.6 Mail loop detected"
DISK_FULL = "452 4.3.1 Not enough disk space, try again later"

# AUTH
AUTH_OK = "235 2.7.0 Authentication succeeded"
AUTH_REQUIRED = "530 5.7.0 Authentication required"
AUTH_FAILED = "535 5.7.8 Authentication failed"
LOG_IN_AGAIN = "421 4.7.0 The account has changed, log in again"
AUTH_LATER = "454 4.7.0 Temporary authentication failure"
AUTH_ABORTED = "501 5.7.0 Authentication aborted"
AUTH_NOT_BASE64 = "501 5.5.2 Not base64"
AUTH_BAD_RESPONSE = "501 5.5.2 Malformed response"

# What aiosmtpd says without an enhanced code (RFC 2034) gets the class's general one.
_ENHANCED = {
    "214": "2.0.0",
    "221": "2.0.0",
    "250": "2.0.0",
    "252": "2.1.5",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "504": "5.5.4",
    "552": "5.3.4",
    "553": "5.1.3",
    "554": "5.5.0",
    "555": "5.5.4",
}


def greeting(hostname: str) -> str:
    return f"220 {hostname} ESMTP Merpati"


def accepted(trace_id: str) -> str:
    return f"250 2.0.0 OK, queued as {trace_id}"


def enhance(reply: str) -> str:
    """`reply` with an enhanced status code, where aiosmtpd gives none. EHLO's lines, 220, 334 and 354 have none."""
    code = _ENHANCED.get(reply[:3])
    if code is None or reply[3:4] != " " or reply[4:6] in ("2.", "4.", "5."):
        return reply
    return f"{reply[:3]} {code} {reply[4:].removeprefix('Error: ')}"


def of_error(error: MerpatiError) -> str:
    """The reply to an error of core. Anything we can't name is our fault, and temporary."""
    if isinstance(error, Undeliverable):
        return of_outcomes(set(error.outcomes.values()))
    for kind, reply in _ERRORS:
        if isinstance(error, kind):
            return reply
    return FAILED


def of_outcomes(outcomes: set[Outcome]) -> str:
    """The reply where no recipient could be given the message; a temporary reason wins, so that it is tried again."""
    if Outcome.OVER_QUOTA in outcomes:
        return MAILBOX_FULL
    return RECEIVE_DISABLED if Outcome.DISABLED in outcomes else USER_UNKNOWN


# The first that fits: subclasses stand before their bases.
_ERRORS: tuple[tuple[type[MerpatiError], str], ...] = (
    (DiskFull, DISK_FULL),
    (Throttled, DAILY_LIMIT),
    (Unavailable, FAILED),
    (Loop, LOOP),
    (Denied, FROM_NOT_OWNED),
    (OverQuota, MAILBOX_FULL),
    (BadCredentials, AUTH_FAILED),
    (Invalid, "554 5.6.0 Message refused"),
)
