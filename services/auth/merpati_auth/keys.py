"""Keyed digests: what is stored or remembered in place of a secret, each use under a key of its own."""

from __future__ import annotations

import hmac

from merpati.platform.settings import Settings


class Keys:
    """Digests under the secret `credential_key`, apart for each purpose."""

    def __init__(self, settings: Settings) -> None:
        key = settings.secret("credential_key").encode()
        self._token = hmac.digest(key, b"api token", "sha256")
        self._app_password = hmac.digest(key, b"app password", "sha256")
        self._password = hmac.digest(key, b"remembered password", "sha256")

    def token(self, token: str) -> bytes:
        return hmac.digest(self._token, token.encode(), "sha256")

    def app_password(self, account_id: int, password: str) -> bytes:
        return hmac.digest(self._app_password, f"{account_id}\0{password}".encode(), "sha256")

    def password(self, name: str, account_id: int, auth_version: int, password: str) -> bytes:
        """The key under which a verdict is remembered.

        Another `auth_version`, and another account that has the name now, make all of them strangers.
        """
        text = f"{account_id}\0{auth_version}\0{name}\0{password}"
        return hmac.digest(self._password, text.encode(), "sha256")
