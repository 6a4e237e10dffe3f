"""IDLE (RFC 2177): changes are told as they happen, until DONE."""

from __future__ import annotations

from merpati_imap_pop.imap.commands.context import Context, Outcome, Pending
from merpati_imap_pop.imap.responses import Bad, ok


async def idle(context: Context, _: None) -> Outcome:
    """What happened before is told at once; then the account's bell wakes the session (`on_ring`)."""

    def on_line(line: bytes) -> Outcome:
        context.idling = False
        if line.upper() != b"DONE":
            raise Bad("Expected DONE")
        return ok("IDLE completed")

    context.send(b"+ idling\r\n")
    context.flush()
    while not context.up_to_date:
        await context.update(expunge=True)
    context.idling = True
    return Pending(on_line)
