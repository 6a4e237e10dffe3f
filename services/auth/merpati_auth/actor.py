"""`Actor`: on whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass

from merpati.platform.errors import Denied


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of the API, or the server itself at its first start."""

    account_id: int | None
    address: str
    role: str
    client: str | None
    token_digest: bytes | None = None

    @property
    def is_postmaster(self) -> bool:
        return self.role == "postmaster"

    def require_postmaster(self) -> None:
        """Raises `Denied` for anybody else."""
        if not self.is_postmaster:
            raise Denied("only a postmaster may do this")

    def require_self_or_postmaster(self, address: str) -> None:
        """Raises `Denied` for somebody else's account, whether it exists or not."""
        if address != self.address:
            self.require_postmaster()


SERVER = Actor(None, "merpati", "postmaster", None)
"""Changes that the server makes itself."""
