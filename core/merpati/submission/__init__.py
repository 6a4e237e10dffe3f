"""Submission: what leaves in a user's name, over SMTP and from the browser: rights, missing headers, limits."""

from merpati.submission.submission import Submission
from merpati.submission.webmail import Letter, submit_from_webmail

__all__ = ["Letter", "Submission", "submit_from_webmail"]
