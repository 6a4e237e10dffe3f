"""Unsolicited EXISTS, EXPUNGE and FETCH: how a view's changes are told (RFC 9051 7.4, 7.5)."""

from __future__ import annotations

from collections.abc import Collection

from merpati_imap_pop.imap.commands import flags
from merpati_imap_pop.imap.view import Changes, View


def render_changes(
    changes: Changes, view: View, *, condstore: bool, uid: bool, silent: Collection[int] = ()
) -> bytes:
    """The lines for `changes`, without the flags of `silent` UIDs."""
    lines = [b"* %d EXPUNGE\r\n" % number for number in changes.expunged]
    if changes.exists is not None:
        lines.append(b"* %d EXISTS\r\n* %d RECENT\r\n" % (changes.exists, view.recent()))
    lines += [
        flags_line(view, index, condstore=condstore, uid=uid)
        for index in changes.flags
        if view.uids[index] not in silent
    ]
    return b"".join(lines)


def flags_line(view: View, index: int, *, condstore: bool, uid: bool) -> bytes:
    """`* 3 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))`"""
    return b"* %d FETCH (%bFLAGS (%b)%b)\r\n" % (
        index + 1,
        b"UID %d " % view.uids[index] if uid or condstore else b"",
        flags.of_message(view, index),
        b" MODSEQ (%d)" % view.modseqs[index] if condstore else b"",
    )


def modseq_line(view: View, index: int) -> bytes:
    return b"* %d FETCH (UID %d MODSEQ (%d))\r\n" % (index + 1, view.uids[index], view.modseqs[index])
