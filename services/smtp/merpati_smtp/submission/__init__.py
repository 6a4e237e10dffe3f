"""Mail from our own users (ports 587 and 465): over TLS, logged in, from an address that is theirs."""

from merpati_smtp.submission.policy import MECHANISMS, UserSubmission

__all__ = ["MECHANISMS", "UserSubmission"]
