"""The composer's form, read: a letter, what it keeps and attaches, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from starlette.datastructures import FormData, UploadFile

from merpati_webmail import addressing, letterbox
from merpati_webmail.answers import Fields, Kept
from merpati_webmail.composer import File, Letter
from merpati_webmail.i18n import N_
from merpati_webmail.keys import MessageKey, Origin, PartKey
from merpati_webmail.visit import Visit, text

_LETTER = re.compile(r"[A-Za-z0-9_-]{20,40}")
_BASE64 = 0.73  # what base64 and its line ends leave of the size limit for the files themselves


@dataclass(slots=True)
class Draft:
    """A posted composer form: what it says, and what is wrong with it."""

    fields: Fields
    letter: Letter
    keep: list[PartKey] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    invalid: set[str] = field(default_factory=set)
    too_large: bool = False

    @property
    def origin(self) -> Origin | None:
        return Origin.parse(self.fields.origin)

    @property
    def key(self) -> MessageKey | None:
        return MessageKey.parse(self.fields.draft)


async def senders(visit: Visit) -> list[str]:
    """The addresses one may write from; the login name first."""
    main = visit.session.account.address
    others = await visit.web.directory.sender_addresses(visit.account_id)
    return [main, *sorted(others - {main})]


async def understand(visit: Visit, posted: FormData) -> Draft:
    """Read the form; what cannot be understood is noted as a problem."""
    fields = Fields(
        draft=text(posted, "draft"),
        origin=text(posted, "origin"),
        sender=text(posted, "from"),
        to=text(posted, "to"),
        cc=text(posted, "cc"),
        bcc=text(posted, "bcc"),
        subject=text(posted, "subject"),
        body=text(posted, "body"),
    )
    if _LETTER.fullmatch(text(posted, "letter")):
        fields.letter = text(posted, "letter")
    own = await senders(visit)
    if fields.sender not in own:
        fields.sender = own[0]
    account = visit.session.account
    name = addressing.clean_name(account.display_name)
    draft = Draft(fields, Letter(addressing.address(name, fields.sender)))
    draft.letter.subject, draft.letter.body = fields.subject, fields.body
    draft.letter.name = fields.letter
    for field_name in ("to", "cc", "bcc"):
        addresses, bad = addressing.parse(getattr(fields, field_name))
        setattr(draft.letter, field_name, addresses)
        for typed in bad:
            draft.invalid.add(field_name)
            draft.problems.append(visit.gettext(addressing.UNREADABLE, address=typed[:200]))
    if len(draft.letter.recipients) > addressing.MAX_RECIPIENTS:
        draft.problems.append(
            visit.gettext(N_("At most %(count)d recipients."), count=addressing.MAX_RECIPIENTS)
        )
    keys = [PartKey.parse(value) for value in posted.getlist("keep") if isinstance(value, str)]
    draft.keep = list(dict.fromkeys(key for key in keys if key is not None))
    return draft


def uploads(posted: FormData) -> list[UploadFile]:
    """The files that were chosen."""
    return [item for item in posted.getlist("files") if isinstance(item, UploadFile) and item.filename]


async def attach(visit: Visit, draft: Draft, posted: FormData) -> None:
    """Attach what is kept and what was uploaded; notes a problem where it is too large together."""
    room = upload_limit(visit) - sum(item.size or 0 for item in uploads(posted))
    files = await letterbox.fetch(visit.web.store, visit.account_id, draft.keep, max(room, 0))
    if room < 0 or files is None:
        draft.too_large = True
        draft.problems.append(visit.gettext(N_("The files are too large to be sent by mail.")))
        return
    draft.fields.kept = [
        Kept(str(key), file.name, len(file.content)) for key, file in zip(draft.keep, files, strict=True)
    ]
    for item in uploads(posted):
        kind = item.content_type or "application/octet-stream"
        files.append(File(item.filename or "", kind, await item.read()))
    draft.letter.files = files


def upload_limit(visit: Visit) -> int:
    """How much may be attached, so that the message stays within `message_size_limit`."""
    return int(visit.web.settings.message_size_limit * _BASE64)


def check_complete(visit: Visit, draft: Draft) -> None:
    """Note what a letter lacks before it can be sent."""
    if not draft.letter.recipients:
        draft.invalid.add("to")
        draft.problems.append(visit.gettext(N_("Say to whom the message should go.")))
