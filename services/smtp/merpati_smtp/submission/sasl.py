"""What PLAIN and LOGIN clients say (RFC 4616, RFC 4954), decoded; whose password it is, auth decides."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from merpati.platform.errors import Invalid

ASK_USERNAME = "VXNlcm5hbWU6"
"""`Username:` in base64: what LOGIN clients look for."""
ASK_PASSWORD = "UGFzc3dvcmQ6"  # noqa: S105 - `Password:` in base64


class Aborted(Invalid):
    """The client gave up with `*` (RFC 4954 4)."""


class NotBase64(Invalid):
    """What should be base64 is not."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, as given."""

    username: str
    password: str


def decode(response: str | bytes) -> bytes:
    """A response in base64; a lone `=` is the empty one (RFC 4954 4). Raises `Aborted` and `NotBase64`."""
    octets = response.encode("ascii", "replace") if isinstance(response, str) else response
    if octets == b"*":
        raise Aborted("given up")
    if octets == b"=":
        return b""
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error as error:
        raise NotBase64("not base64") from error


def plain(message: bytes) -> Credentials:
    """PLAIN's one message: who acts, who logs in, the password, with NULs between. Nobody acts for another."""
    parts = message.split(b"\0")
    if len(parts) != 3 or not parts[1]:
        raise Invalid("malformed PLAIN message")
    acts, name, password = map(text, parts)
    if acts and acts.lower() != name.lower():
        raise Invalid("nobody may act for another")
    return Credentials(name, password)


def text(octets: bytes) -> str:
    """UTF-8, as SASL has it; an old client's Latin-1 password can't match, but must not be an error either."""
    return octets.decode("utf-8", "surrogateescape")
