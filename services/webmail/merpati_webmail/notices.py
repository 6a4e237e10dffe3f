"""The line above a page that says what the last form did."""

from __future__ import annotations

from collections.abc import Callable

from merpati_webmail.i18n import N_

_NOTICES = {
    "sent": N_("Your message is on its way."),
    "saved": N_("The draft was saved."),
    "discarded": N_("The draft was discarded."),
    "deleted": N_("Moved to the trash."),
    "purged": N_("Deleted for good."),
    "moved": N_("Moved."),
    "marked": N_("Done."),
    "emptied": N_("The trash is empty."),
    "where": N_("Choose a folder to move to first."),
    "none": N_("Select messages first."),
    "created": N_("The folder was created."),
    "renamed": N_("The folder was renamed."),
    "removed": N_("The folder was deleted."),
    "settings": N_("Your settings were saved."),
    "password": N_("Your password was changed. Other browsers have been logged out."),
    "bye": N_("You are logged out."),
}


def text(name: str, gettext: Callable[[str], str]) -> str:
    """The words for a notice; only words of ours, the query merely names them."""
    known = _NOTICES.get(name)
    return gettext(known) if known else ""
