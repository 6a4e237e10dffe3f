"""Who there is: domains, addresses and accounts, where a recipient leads, and whose password it was."""

from merpati.directory.address import (
    fold_address,
    fold_domain,
    fold_new_address,
    fold_new_domain,
    split_address,
    without_detail,
)
from merpati.directory.auth_client import AuthClient
from merpati.directory.model import Account, LocalTarget, Resolution, Verdict
from merpati.directory.reader import Directory
from merpati.directory.signing_keys import SigningKeys

__all__ = [
    "Account",
    "AuthClient",
    "Directory",
    "LocalTarget",
    "Resolution",
    "SigningKeys",
    "Verdict",
    "fold_address",
    "fold_domain",
    "fold_new_address",
    "fold_new_domain",
    "split_address",
    "without_detail",
]
