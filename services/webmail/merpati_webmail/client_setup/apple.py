"""Apple's configuration profile (com.apple.mail.managed), for Mail on macOS and iOS."""

from __future__ import annotations

import plistlib
import uuid

from merpati_webmail.client_setup.account import Account

MEDIA_TYPE = "application/x-apple-aspen-config"
_TYPES = {"imap": "EmailTypeIMAP", "pop3": "EmailTypePOP"}


def profile(account: Account) -> bytes | None:
    """The profile; None where mail can't be read and sent. The device asks for the password."""
    incoming = account.best("imap", "pop3")
    outgoing = account.best("smtp")
    if incoming is None or outgoing is None:
        return None
    identifier = ".".join(reversed(account.hostname.split("."))) + f".mail.{_uuid(account, 'account')}"
    mail = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.account",
        "PayloadUUID": _uuid(account, "account"),
        "PayloadDisplayName": account.address,
        "EmailAccountType": _TYPES[incoming.protocol],
        "EmailAccountDescription": account.address,
        "EmailAddress": account.address,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": account.hostname,
        "IncomingMailServerPortNumber": incoming.port,
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": account.address,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": account.hostname,
        "OutgoingMailServerPortNumber": outgoing.port,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": account.address,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": identifier,
            "PayloadUUID": _uuid(account, "profile"),
            "PayloadDisplayName": f"Mail: {account.address}",
            "PayloadOrganization": account.domain,
            "PayloadRemovalDisallowed": False,
            "PayloadContent": [mail],
        }
    )


def _uuid(account: Account, part: str) -> str:
    """The same at each download: a profile that is installed again replaces the first."""
    name = f"https://{account.hostname}/apple/{part}/{account.address}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name)).upper()
