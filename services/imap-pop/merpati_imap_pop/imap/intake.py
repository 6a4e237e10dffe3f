"""A large message on its way in: from the client into `spool/tmp`, never whole in memory."""

from __future__ import annotations

from merpati.platform.errors import Unavailable
from merpati.store import MailFiles
from merpati.store.spool import SpooledFile, SpoolWriter


class Intake:
    """At most one spooled message of a session.

    A failure on the way is kept until the command is carried out: the client's octets have to be read
    to the end, whatever becomes of them.
    """

    def __init__(self, files: MailFiles) -> None:
        self._files = files
        self._writer: SpoolWriter | None = None
        self._file: SpooledFile | None = None
        self._error: Unavailable | None = None

    def begin(self) -> None:
        self.discard()
        try:
            self._files.check_disk()
            self._writer = SpoolWriter(self._files.new_spool_name())
        except Unavailable as error:
            self._error = error
        except OSError as error:
            self._error = Unavailable(f"spool not writable: {error.strerror}")

    def write(self, data: bytes) -> None:
        if self._writer is None:
            return
        try:
            self._writer.write(data)
        except Unavailable as error:
            self.discard()
            self._error = error

    def take(self) -> SpooledFile | None:
        """The finished file, if the command had one; raises what went wrong with it."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        if self._writer is not None:
            self._file, self._writer = self._writer.finish(), None
        return self._file

    def discard(self) -> None:
        """Remove the spool's name; a stored message has its own by now."""
        if self._writer is not None:
            self._writer.discard()
        if self._file is not None:
            self._file.discard()
        self._writer = self._file = self._error = None
