"""What a message becomes: files with their names, placements and queue rows. Pure, but for random file names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from merpati.delivery.headers import Head
from merpati.delivery.types import Incoming, Outcome, Recipient, Undeliverable
from merpati.directory import LocalTarget
from merpati.message import Summary
from merpati.platform import mail_events
from merpati.platform.mail_events import MailEvent
from merpati.queue import NewQueueRow, new_file
from merpati.store import FileWrite, MailFiles, Placement, SpooledFile

DIRECT = 100
"""Mailboxes that one transaction delivers to; a list of more goes through the queue, a member at a time."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Accounts that can't take this message now: found out by trying."""

    full: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()


@dataclass(slots=True)
class Plan:
    """One message, ready to be written and entered."""

    incoming: Incoming
    outcomes: dict[str, Outcome]
    write: FileWrite
    placements: list[Placement] = field(default_factory=list)
    rows: list[NewQueueRow] = field(default_factory=list)
    events: list[MailEvent] = field(default_factory=list)
    size: int = 0

    @property
    def submitted(self) -> tuple[int, int] | None:
        """Whose recipients count against a daily limit, and how many."""
        incoming = self.incoming
        if incoming.account_id is None or not incoming.accept:
            return None
        return incoming.account_id, len(incoming.recipients)


@dataclass(frozen=True, slots=True)
class Material:
    """The message as it will stand in its file."""

    head: Head
    content: Sequence[bytes] | SpooledFile
    summary: Summary

    @property
    def prefix_len(self) -> int:
        return len(self.head.prefix)


class Planner:
    """Makes plans for one mail volume."""

    def __init__(self, files: MailFiles, quota_grace: int) -> None:
        self._files = files
        self._grace = quota_grace

    def plan(self, incoming: Incoming, material: Material, refused: Refused) -> Plan:
        """Plan for every recipient that can be given the message; raises `Undeliverable` if none can."""
        targets = _targets(incoming.recipients, refused.gone)
        outcomes = {item.address: _outcome(item, refused) for item in incoming.recipients}
        good = {Outcome.DELIVERED, Outcome.QUEUED}
        if not good & set(outcomes.values()):
            raise Undeliverable(outcomes)
        paths: list[Path] = []
        plan = Plan(incoming, outcomes, FileWrite(material.content, paths), size=material.summary.size)
        if incoming.accept:
            plan.events.append(_accepted(incoming, material.summary))
        many = len(targets.locals) > DIRECT
        for account_id, (target, recipient) in targets.locals.items():
            if many or account_id in refused.full:
                reason = "many recipients" if many else "mailbox is full"
                self._queue(plan, paths, material, target.address, recipient, put_off=reason)
                if outcomes[recipient.address] is Outcome.OVER_QUOTA:
                    # Not refused, since others have the message: it waits for room.
                    outcomes[recipient.address] = Outcome.QUEUED
            else:
                self._place(plan, paths, material, target, recipient)
        for address, recipient in targets.remotes.items():
            self._queue(plan, paths, material, address, recipient)
        for recipient in incoming.recipients:
            if outcomes[recipient.address] in (Outcome.UNKNOWN, Outcome.DISABLED):
                # Gone since it was asked for. The message is taken for the others, so we owe a report.
                self._queue(plan, paths, material, recipient.address, recipient, put_off="unknown")
        return plan

    def _place(
        self, plan: Plan, paths: list[Path], material: Material, target: LocalTarget, recipient: Recipient
    ) -> None:
        incoming = plan.incoming
        base = self._files.unique_base(material.summary.size)
        paths.append(self._files.path(target.account_id, "", base, 0))
        plan.placements.append(
            Placement(
                account_id=target.account_id,
                base=base,
                summary=material.summary,
                file_size=material.summary.size,
                trace_id=incoming.trace_id,
                prefix_len=material.prefix_len,
                sender=incoming.sender,
                recipient=recipient.address,
                received_at=None if incoming.trace is None else incoming.trace.at,
                received_offset=_offset(incoming),
                quota_grace=self._grace,
            )
        )
        detail = {"mailbox": target.address} if target.address != recipient.address else {}
        plan.events.append(
            MailEvent(incoming.trace_id, mail_events.DELIVERED, recipient.address, detail=detail)
        )

    def _queue(
        self,
        plan: Plan,
        paths: list[Path],
        material: Material,
        address: str,
        recipient: Recipient,
        *,
        put_off: str | None = None,
    ) -> None:
        incoming = plan.incoming
        file = new_file(incoming.trace_id)
        paths.append(self._files.root / file)
        original = incoming.original_recipient or recipient.address
        plan.rows.append(
            NewQueueRow(
                trace_id=incoming.trace_id,
                kind="remote" if put_off is None else "local",
                account_id=incoming.account_id,
                sender=incoming.sender,
                recipient=address,
                original_recipient=original if original != address else None,
                file=file,
                prefix_len=material.prefix_len,
                size=material.summary.size - material.prefix_len,
                eightbit=material.summary.eightbit,
                smtputf8=incoming.smtputf8,
            )
        )
        detail = {} if put_off is None else {"reason": put_off}
        if original != address:
            detail["original_recipient"] = original
        plan.events.append(MailEvent(incoming.trace_id, mail_events.QUEUED, address, detail=detail))


@dataclass(frozen=True, slots=True)
class _Targets:
    """Each account and each remote address once, with the recipient that led there first."""

    locals: Mapping[int, tuple[LocalTarget, Recipient]]
    remotes: Mapping[str, Recipient]


def _targets(recipients: Sequence[Recipient], gone: frozenset[int]) -> _Targets:
    found: dict[int, tuple[LocalTarget, Recipient]] = {}
    remotes: dict[str, Recipient] = {}
    for recipient in recipients:
        resolution = recipient.resolution
        for target in resolution.locals:
            if target.account_id not in gone:
                found.setdefault(target.account_id, (target, recipient))
        for address in resolution.remotes:
            remotes.setdefault(address, recipient)
        if not resolution.local_domain and not resolution.known:
            remotes.setdefault(recipient.address, recipient)
    return _Targets(found, remotes)


def _outcome(recipient: Recipient, refused: Refused) -> Outcome:
    resolution = recipient.resolution
    alive = [target for target in resolution.locals if target.account_id not in refused.gone]
    if any(target.account_id not in refused.full for target in alive):
        return Outcome.DELIVERED
    if resolution.remotes or not (resolution.known or resolution.local_domain):
        return Outcome.QUEUED
    if alive:
        return Outcome.OVER_QUOTA
    return Outcome.DISABLED if resolution.disabled else Outcome.UNKNOWN


def _accepted(incoming: Incoming, summary: Summary) -> MailEvent:
    detail = {**incoming.detail, "size": summary.size, "recipients": len(incoming.recipients)}
    return MailEvent(incoming.trace_id, mail_events.ACCEPTED, incoming.sender, summary.message_id, detail)


def _offset(incoming: Incoming) -> int:
    offset = None if incoming.trace is None else incoming.trace.at.utcoffset()
    return 0 if offset is None else int(offset.total_seconds() // 60)
