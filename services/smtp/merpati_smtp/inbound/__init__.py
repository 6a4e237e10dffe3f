"""Mail from other servers (port 25): for our own domains only, but for the networks that may relay."""

from merpati_smtp.inbound.policy import Inbound

__all__ = ["Inbound"]
