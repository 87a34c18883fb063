"""The cases of a record: what there is to read about them, and what people do to them.

Each act is one transaction, refused where the role does not permit it or it comes too late.

``version`` is the version of the case that the person saw. Two who take one case at once: one gets it, the other is
told who has it, by CaseMoved. Every act raises Forbidden, InputError for what can be mended, StoreUnavailable when it
may be tried again, and returns the case as it stands afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, insert, select

from fraud.access import Permission, Person, Role, require
from fraud.access_tables import people
from fraud.alert import Subject
from fraud.case import REASON_CODES, Case, CaseState, CaseStep, Disposition, Relation, case_id, case_number
from fraud.case_act import CaseAct, read_text
from fraud.case_history import add_events, event_row, relate_cases
from fraud.case_intake import due_date
from fraud.case_labels import drop_kept, drop_unsent, keep_labels, labels_sent, release_labels
from fraud.case_reader import CaseReader
from fraud.case_tables import case_attachments, case_relations, cases
from fraud.database import store_errors, writing
from fraud.errors import InputError
from fraud.record_reader import RecordReader
from fraud.ring import RingStep
from fraud.settings import CaseSettings, Settings

__all__ = ["BulkOutcome", "Cases"]

LONGEST_SNOOZE = timedelta(days=365)
LONGEST_NAME = 200
NOT_SNOOZED = dict.fromkeys(("snoozed_until", "snoozed_by", "snooze_reason"))
UNDECIDED = dict.fromkeys(("disposition", "reason_code", "decided_by", "closed_at"))
WORKABLE = (CaseState.OPEN, CaseState.IN_PROGRESS)


class BulkOutcome(msgspec.Struct, frozen=True):
    """What became of one act on many cases: those done, and why the others were refused, by name."""

    done: tuple[Case, ...]
    refused: Mapping[str, str]


class Cases(CaseReader):
    """Reads and acts on the cases of a record; safe to share between threads and processes."""

    def __init__(self, record: RecordReader, settings: CaseSettings | None = None) -> None:
        super().__init__(record)
        self._settings = settings

    def take(self, name: str, by: Person, version: int) -> Case:
        """Make a case one's own."""
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(*WORKABLE)
            act.expect_mine_or_free()
            if act.case.assignee is None:
                act.change(assignee=by.name, state=CaseState.IN_PROGRESS.value)
                act.tell(CaseStep.TAKEN)
            return act.case

    def assign(self, name: str, by: Person, version: int, to: str) -> Case:
        """Give a case to somebody; one that another has, only who may approve gives away."""
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(*WORKABLE)
            if not by.may(Permission.APPROVE):
                act.expect_mine_or_free()
            if to != by.name:
                self._check_can_work(act, to)
            act.change(assignee=to, state=CaseState.IN_PROGRESS.value)
            act.tell(CaseStep.ASSIGNED, detail={"to": to})
            return act.case

    def release(self, name: str, by: Person, version: int) -> Case:
        """Put a case back for others to take."""
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(CaseState.IN_PROGRESS)
            if not by.may(Permission.APPROVE):
                act.expect_mine_or_free()
            act.change(assignee=None, state=CaseState.OPEN.value)
            act.tell(CaseStep.RELEASED)
            return act.case

    def comment(self, name: str, by: Person, text: str) -> Case:
        """Say something on a case, closed or not; it changes no version, so that nobody's act comes too late by it."""
        said = read_text("comment", text, required=True)
        with self._act(name, by, Permission.WORK_CASES) as act:
            act.tell(CaseStep.COMMENT, said)
            return act.case

    def attach(self, name: str, by: Person, file_name: str, media_type: str, content: bytes) -> Case:
        """Keep a file with a case, and the SHA-256 of its content in the audit trail."""
        file_name = read_text("file name", file_name, required=True, longest=LONGEST_NAME)
        media_type = read_text("media type", media_type, required=True, longest=LONGEST_NAME)
        if "\n" in file_name + media_type or not 0 < len(content) <= self.settings.attachment_bytes:
            raise InputError(
                f"attachment: give a name of one line and 1 to {self.settings.attachment_bytes:,} bytes"
            )
        digest = hashlib.sha256(content).hexdigest()
        with self._act(name, by, Permission.WORK_CASES) as act:
            row = {
                "case_number": act.number,
                "name": file_name,
                "media_type": media_type,
                "size": len(content),
                "sha256": digest,
                "by": by.name,
                "at": act.now,
                "content": content,
            }
            key = act.connection.execute(insert(case_attachments).values(row)).inserted_primary_key
            number = "" if key is None else str(key[0])
            act.tell(CaseStep.ATTACHED, file_name, {"sha256": digest, "attachment_id": number})
            return act.case

    def dispose(
        self,
        name: str,
        by: Person,
        version: int,
        disposition: Disposition,
        reason_code: str,
        note: str = "",
        fraud_transactions: Collection[str] | None = None,
    ) -> Case:
        """Decide a case, one's own or one that nobody has; it is closed unless a second person is to approve.

        ``fraud_transactions``, of the evidence, are what a confirmed fraud says are frauds; without them, those that
        were scored at or above the threshold for a review.
        """
        codes = REASON_CODES[disposition]
        if reason_code not in codes:
            raise InputError(f"reason_code: {reason_code[:40]!r} is none of {', '.join(codes)}")
        said = read_text("note", note)
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(*WORKABLE)
            act.expect_mine_or_free()
            labels = keep_labels(act.connection, act.number, disposition, fraud_transactions)
            decided = {
                "assignee": by.name,
                "disposition": disposition.value,
                "reason_code": reason_code,
                "decided_by": by.name,
                **NOT_SNOOZED,
            }
            waits = self._needs_second(act.case, disposition)
            if waits:
                act.change(**decided, state=CaseState.AWAITING_APPROVAL.value)
            else:
                self._close(act, **decided)
            detail = {"disposition": disposition.value, "reason_code": reason_code, "labels": str(labels)}
            act.tell(CaseStep.DISPOSED, said, {**detail, "state": act.case.state.value})
            return act.case

    def approve(self, name: str, by: Person, version: int, note: str = "") -> Case:
        """Confirm somebody else's decision; the case is closed by it."""
        said = read_text("note", note)
        with self._act(name, by, Permission.APPROVE, version) as act:
            self._expect_second(act)
            self._close(act)
            act.tell(CaseStep.APPROVED, said, {"decided_by": act.case.decided_by or ""})
            return act.case

    def refuse(self, name: str, by: Person, version: int, note: str) -> Case:
        """Send somebody else's decision back to them."""
        said = read_text("note", note, required=True)
        with self._act(name, by, Permission.APPROVE, version) as act:
            self._expect_second(act)
            decided_by = act.case.decided_by or ""
            drop_kept(act.connection, act.number)
            act.change(state=CaseState.IN_PROGRESS.value, **UNDECIDED)
            act.tell(CaseStep.REFUSED, said, {"decided_by": decided_by})
            return act.case

    def snooze(self, name: str, by: Person, version: int, until: datetime, reason: str) -> Case:
        """Take a case out of the queue until a moment, or until its severity rises."""
        said = read_text("reason", reason, required=True)
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(*WORKABLE)
            act.expect_mine_or_free()
            _check_end(until, act.now)
            act.change(snoozed_until=until, snoozed_by=by.name, snooze_reason=said)
            act.tell(CaseStep.SNOOZED, said, {"until": until.isoformat()})
            return act.case

    def wake(self, name: str, by: Person, version: int) -> Case:
        """Put a snoozed case back into the queue."""
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(*WORKABLE)
            if act.case.snoozed_until is None:
                raise act.moved()
            act.change(**NOT_SNOOZED)
            act.tell(CaseStep.WOKEN)
            return act.case

    def suppress(self, name: str, by: Person, version: int, until: datetime, reason: str) -> Case:
        """Close a ring's case without a decision and keep the ring from raising alerts until a moment of event time.

        The ring comes back earlier when it grows or scores higher, and with it the case.
        """
        said = read_text("reason", reason, required=True, longest=400)
        with self._act(name, by, Permission.SUPPRESS, version) as act:
            act.expect(*WORKABLE)
            if act.case.subject is not Subject.RING:
                raise InputError(f"{name}: only rings can be suppressed; snooze the case of an account")
            if until.tzinfo is None:
                raise InputError("until: has no time zone; write UTC as +00:00 or Z")
            act.change(
                state=CaseState.CLOSED.value,
                reason_code="ring_suppressed",
                decided_by=by.name,
                closed_at=act.now,
                **NOT_SNOOZED,
            )
            act.tell_ring_desk(RingStep.SUPPRESSED, _line(name, said), until)
            act.tell(CaseStep.SUPPRESSED, said, {"until": until.isoformat()})
            return act.case

    def reopen(self, name: str, by: Person, version: int, reason: str) -> Case:
        """Work on a closed case again, as one's own; labels that did not go out yet are dropped."""
        said = read_text("reason", reason, required=True)
        with self._act(name, by, Permission.WORK_CASES, version) as act:
            act.expect(CaseState.CLOSED)
            newest = select(func.max(cases.c.number)).where(cases.c.alert_id == act.case.alert_id)
            number = act.connection.execute(newest).scalar_one()
            if number != act.number:
                raise InputError(
                    f"{name}: {case_id(number)} is the newer case of this subject; work on that one"
                )
            drop_unsent(act.connection, act.number)
            due = due_date(act.case.severity, act.now, self.settings)
            act.change(state=CaseState.IN_PROGRESS.value, assignee=by.name, due_at=due, **UNDECIDED)
            if act.case.subject is Subject.RING:
                act.tell_ring_desk(RingStep.REOPENED, _line(name, said))
            act.tell(CaseStep.REOPENED, said)
            return act.case

    def relate(self, name: str, by: Person, other: str) -> Case:
        """Note that two cases belong together; to say it again changes nothing."""
        number = case_number(other)
        with self._act(name, by, Permission.WORK_CASES) as act:
            there = act.connection.execute(select(cases.c.number).where(cases.c.number == number)).first()
            if there is None or number == act.number:
                raise InputError(f"other: {other} is no other case")
            pair = case_relations.c
            low, high = sorted((number, act.number))
            known = select(pair.at).where(pair.case_number == low, pair.other_number == high)
            if act.connection.execute(known).first() is None:
                relate_cases(act.connection, [(low, high, Relation.LINKED)], act.now, by.name)
                mirrored = event_row(
                    number, act.now, CaseStep.RELATED, by=by.name, detail={"other": act.case.case_id}
                )
                add_events(act.connection, [mirrored])
                act.tell(CaseStep.RELATED, detail={"other": other})
            return act.case

    def labels_sent(self, keys: Iterable[int], at: datetime) -> None:
        """Note that labels went out; one that is marked keeps its first moment."""
        labels_sent(self._engine, keys, at)

    def bulk(self, chosen: Mapping[str, int], act: Callable[[str, int], Case]) -> BulkOutcome:
        """Do one act to many cases, each in a transaction of its own; ``chosen`` are versions by name.

        ``act`` is called with a name and its version, as ``lambda name, version: cases.take(name, ann, version)``.
        """
        done: list[Case] = []
        refused: dict[str, str] = {}
        for name, version in chosen.items():
            try:
                done.append(act(name, version))
            except InputError as error:
                refused[name] = str(error)
        return BulkOutcome(tuple(done), refused)

    @property
    def settings(self) -> CaseSettings:
        """Those given, else those of the environment."""
        if self._settings is None:
            self._settings = Settings.load().cases
        return self._settings

    @contextmanager
    def _act(
        self, name: str, by: Person, permission: Permission, version: int | None = None
    ) -> Iterator[CaseAct]:
        require(by, permission)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            yield CaseAct(connection, name, by, version)

    def _close(self, act: CaseAct, **decided: str | None) -> None:
        act.change(**decided, state=CaseState.CLOSED.value, closed_at=act.now)
        release_labels(act.connection, act.number, act.now)
        if act.case.subject is Subject.RING and act.case.disposition is not None:
            words = act.case.disposition.value.replace("_", " ")
            act.tell_ring_desk(RingStep.CLOSED, _line(act.case.case_id, f"{words} ({act.case.reason_code})"))

    def _needs_second(self, one: Case, disposition: Disposition) -> bool:
        amount = self.settings.four_eyes_amount
        return disposition is Disposition.CONFIRMED_FRAUD and amount is not None and one.money >= amount

    def _expect_second(self, act: CaseAct) -> None:
        act.expect(CaseState.AWAITING_APPROVAL)
        if act.case.decided_by == act.by.name:
            raise InputError(
                f"{act.case.case_id}: you decided it; somebody else is to approve or refuse that"
            )

    def _check_can_work(self, act: CaseAct, to: str) -> None:
        query = select(people.c.shown_name, people.c.role).where(
            people.c.name == to, people.c.disabled_at.is_(None)
        )
        row = act.connection.execute(query).first()
        if row is None or not Person(to, row.shown_name, Role(row.role)).may(Permission.WORK_CASES):
            raise InputError(f"to: {to[:64]!r} is nobody who may work on cases")


def _check_end(until: datetime, now: datetime) -> None:
    if until.tzinfo is None:
        raise InputError("until: has no time zone; write UTC as +00:00 or Z")
    if not now < until <= now + LONGEST_SNOOZE:
        raise InputError(f"until: must be in the future, at most {LONGEST_SNOOZE.days} days away")


def _line(name: str, said: str) -> str:
    """What the ring desk is told, in one line; the case has the whole."""
    return f"{name}: {' '.join(said.split())}"[:500]
