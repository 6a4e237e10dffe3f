"""Secrets: made once, kept, never printed."""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path

from merpati.platform.settings import Settings

ROLES = ("smtp", "outbound", "imap", "webmail", "auth", "worker")

# postgres_<role>: database passwords; internal_token: between services and auth's internal HTTP;
# verdict_key, cookie_key, credential_key: HMAC keys; postmaster_password: the first administrator's.
_NAMES = (
    *(f"postgres_{role}" for role in ("owner", *ROLES)),
    "internal_token",
    "verdict_key",
    "cookie_key",
    "credential_key",
    "postmaster_password",
)
_TYPED = string.ascii_letters + string.digits


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 durably, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def make_secrets(settings: Settings) -> None:
    """Make each secret that does not exist yet."""
    settings.secrets_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _NAMES:
        path = settings.secrets_dir / name
        if not path.exists():
            secret = _password() if name == "postmaster_password" else secrets.token_urlsafe(32)
            write_private(path, secret.encode())


def _password() -> str:
    """120 bits and more that a person can type, and that no command line takes for an option."""
    return "".join(secrets.choice(_TYPED) for _ in range(24))
