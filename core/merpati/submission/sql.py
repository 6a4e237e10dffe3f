"""The statements of submission: how many recipients an account has written to today (UTC)."""

from __future__ import annotations

SUBMITTED = """
SELECT recipients FROM queue.submitted WHERE account_id = %s AND day = (now() AT TIME ZONE 'UTC')::date
"""
