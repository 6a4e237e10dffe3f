"""What happens between 354 and the reply to the message: octets through the dot decoder into a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from merpati_smtp import replies
from merpati_smtp.server.body import Body
from merpati_smtp.server.dots import DotDecoder

if TYPE_CHECKING:
    from merpati_smtp.server.commands import Commands


async def receive(connection: Commands) -> str | None:
    """Read the message into `envelope.message`. Returns the reply if it can't be taken.

    A connection that ends within the message ends the session: nothing was promised, so nothing is kept.
    """
    listener = connection.listener
    envelope = connection.envelope
    body = envelope.body = Body(listener.size_limit, lambda: listener.open_spool(envelope.room))
    await connection.push(replies.SEND_DATA)
    dots = await _read(connection, body)
    if body.too_big:
        return replies.TOO_BIG
    if body.failure is not None:
        return replies.of_error(body.failure)
    if dots.stray and listener.refuse_bare_lf:
        return replies.STRAY_LINE_ENDS
    envelope.message = body.finish()
    return None


async def _read(connection: Commands, body: Body) -> DotDecoder:
    stream = connection.stream
    dots = DotDecoder()
    hurry = connection.loop.time() + connection.listener.data_timeout
    while dots.rest is None:
        data = await stream.chunk()
        if data is None:
            raise ConnectionResetError("connection ended within a message")
        if connection.loop.time() > hurry:
            await connection.push(replies.TIMEOUT)
            await stream.flush()
            raise ConnectionAbortedError("message took too long")
        connection._reset_timeout()
        body.add(dots.feed(data))
    stream.unread(dots.rest)
    return dots
