"""Reads of the cases: the queue, one case and what belongs to it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, and_, case, func, or_, select

from fraud.alert import Severity, Subject
from fraud.case import (
    Attachment,
    Case,
    CaseEvent,
    CaseLabel,
    CaseState,
    CaseStep,
    Disposition,
    RelatedCase,
    Relation,
    case_id,
    case_number,
)
from fraud.case_queue import CaseFilter, CasePage, CaseSort, conditions, order
from fraud.case_tables import (
    CLOSED,
    NOT_CLOSED,
    WAITING,
    case_attachments,
    case_events,
    case_evidence,
    case_labels,
    case_relations,
    cases,
)
from fraud.database import portions, store_errors
from fraud.deliveries import Deliveries
from fraud.errors import InputError, StoreError
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction

__all__ = ["CaseCounts", "CaseReader", "read_case"]

COMPARED = 2_000
"""Past cases looked at for similar ones, the newest."""

COLUMNS = [cases.c[name] for name in ("number", *Case.__struct_fields__) if name != "case_id"]


class CaseCounts(msgspec.Struct, frozen=True):
    """How many cases there are; all but ``closed`` count those that are not closed and not snoozed.

    ``by_assignee`` is None for nobody.
    """

    open: int
    in_progress: int
    awaiting_approval: int
    closed: int
    overdue: int
    snoozed: int
    by_severity: Mapping[Severity, int]
    by_assignee: Mapping[str | None, int]


class CaseReader:
    """Read access to the cases of a record; safe to share between threads."""

    def __init__(self, record: RecordReader) -> None:
        self._record = record
        self._engine = record.engine

    def queue(
        self,
        chosen: CaseFilter | None = None,
        sort: CaseSort = CaseSort.WORST,
        limit: int = 100,
        offset: int = 0,
        *,
        ascending: bool | None = None,
    ) -> CasePage:
        """One page of the cases that a filter lets through, and how many there are.

        ``ascending`` gives a sort another direction than its own.
        """
        where = conditions(chosen or CaseFilter(), datetime.now(UTC), self._engine.dialect.name)
        page = select(cases.c.number).where(*where).order_by(*order(sort, ascending))
        page = page.limit(limit).offset(offset)
        with store_errors("read"), self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(cases).where(*where)).scalar_one()
            numbers = list(connection.execute(page).scalars())
            found = {
                row.number: row for some in portions(numbers) for row in connection.execute(_by_number(some))
            }
        # A case that left between the two reads cannot: cases are never deleted.
        return CasePage(tuple(read_case(found[number]) for number in numbers), total)

    def case(self, name: str) -> Case | None:
        """A case by its name, or None."""
        try:
            number = case_number(name)
        except InputError:
            return None
        return self._one(select(*COLUMNS).where(cases.c.number == number))

    def cases(self, names: Iterable[str]) -> dict[str, Case]:
        """Cases by name, for those that there are."""
        found: dict[str, Case] = {}
        for some in portions(map(case_number, names)):
            found.update((case_id(row.number), read_case(row)) for row in self._rows(_by_number(some)))
        return found

    def case_of(self, subject: Subject, subject_id: str) -> Case | None:
        """The case of a ring or an account: the one that is open, else the newest; None without any."""
        closed = case((cases.c.state == CaseState.CLOSED.value, 1), else_=0)
        query = select(*COLUMNS).where(cases.c.subject == subject.value, cases.c.subject_id == subject_id)
        return self._one(query.order_by(closed, cases.c.number.desc()).limit(1))

    def case_of_alert(self, alert_id: str) -> Case | None:
        """The case of an alert: the one that is open, else the newest."""
        query = select(*COLUMNS).where(cases.c.alert_id == alert_id)
        return self._one(query.order_by(cases.c.number.desc()).limit(1))

    def next_worst(self, after: str | None = None) -> Case | None:
        """The worst case that nobody has and that is not snoozed; after a case, the next one in the queue's order."""
        where = conditions(CaseFilter(states=(CaseState.OPEN,)), datetime.now(UTC), self._engine.dialect.name)
        query = select(*COLUMNS).where(*where).order_by(*order(CaseSort.WORST))
        before = None if after is None else self.case(after)
        if before is None:
            return self._one(query.limit(1))
        rank, risk, number = cases.c.severity_rank, cases.c.at_risk, cases.c.number
        at = (before.severity.rank, before.at_risk, case_number(before.case_id))
        less = or_(
            rank < at[0],
            and_(rank == at[0], risk < at[1]),
            and_(rank == at[0], risk == at[1], number < at[2]),
        )
        return self._one(query.where(less).limit(1)) or self._one(query.where(number != at[2]).limit(1))

    def kinds(self) -> list[str]:
        """Every kind that there has been a case of, in alphabetical order."""
        return [row.kind for row in self._rows(select(cases.c.kind).distinct().order_by(cases.c.kind))]

    def counts(self) -> CaseCounts:
        """How the desk stands."""
        now = datetime.now(UTC)
        column = cases.c
        snoozed = func.coalesce(column.snoozed_until, 0) > now
        overdue = func.sum(case((column.due_at < now, 1), else_=0)).label("overdue")
        query = select(
            column.state,
            column.severity,
            column.assignee,
            snoozed.label("snoozed"),
            func.count().label("n"),
            overdue,
        ).group_by(column.state, column.severity, column.assignee, snoozed)
        states: dict[str, int] = {}
        severities = dict.fromkeys(reversed(Severity), 0)
        assignees: dict[str | None, int] = {}
        late = asleep = 0
        for row in self._rows(query.where(NOT_CLOSED)):
            if row.snoozed:
                asleep += row.n
                continue
            states[row.state] = states.get(row.state, 0) + row.n
            severities[Severity(row.severity)] += row.n
            assignees[row.assignee] = assignees.get(row.assignee, 0) + row.n
            late += row.overdue
        closed = self._rows(select(func.count().label("n")).select_from(cases).where(CLOSED))[0].n
        return CaseCounts(
            open=states.get(CaseState.OPEN.value, 0),
            in_progress=states.get(CaseState.IN_PROGRESS.value, 0),
            awaiting_approval=states.get(CaseState.AWAITING_APPROVAL.value, 0),
            closed=closed,
            overdue=late,
            snoozed=asleep,
            by_severity=severities,
            by_assignee=assignees,
        )

    def events(self, name: str) -> list[CaseEvent]:
        """All that happened to a case: what the software and people did, comments, messages; in the order of time."""
        one = self.case(name)
        if one is None:
            return []
        query = select(case_events).where(case_events.c.case_number == case_number(name))
        told = [
            CaseEvent(row.at, CaseStep(row.step), row.by, row.text, msgspec.json.decode(row.detail))
            for row in self._rows(query.order_by(case_events.c.number))
        ]
        for sent in Deliveries(self._engine).deliveries_of(one.alert_id):
            if sent.created_at < one.opened_at or (one.closed_at and sent.created_at > one.closed_at):
                continue
            told.append(
                CaseEvent(
                    sent.delivered_at or sent.sent_at or sent.updated_at,
                    CaseStep.DELIVERY,
                    "",
                    sent.error or "",
                    {
                        "key": sent.key,
                        "channel": sent.channel,
                        "recipient": sent.recipient,
                        "state": sent.state.value,
                    },
                )
            )
        return sorted(told, key=lambda event: event.at)

    def related(self, name: str) -> list[RelatedCase]:
        """Cases that belong to this one, the newest first."""
        number, columns = case_number(name), case_relations.c
        query = select(case_relations).where(
            or_(columns.case_number == number, columns.other_number == number)
        )
        pairs = {
            (row.other_number if row.case_number == number else row.case_number): row
            for row in self._rows(query)
        }
        others = self.cases(case_id(other) for other in sorted(pairs, reverse=True))
        return [
            RelatedCase(others[case_id(other)], Relation(row.relation), row.by, row.at)
            for other, row in sorted(pairs.items(), reverse=True)
        ]

    def similar_past(self, name: str, limit: int = 5) -> list[Case]:
        """Closed cases of the same kind with a disposition, nearest first by size, money and score."""
        one = self.case(name)
        if one is None:
            return []
        column = cases.c
        query = select(*COLUMNS).where(
            column.kind == one.kind,
            CLOSED,
            column.disposition.is_not(None),
            column.number != case_number(name),
        )
        past = [read_case(row) for row in self._rows(query.order_by(column.closed_at.desc()).limit(COMPARED))]
        return sorted(past, key=lambda other: _distance(one, other))[:limit]

    def evidence_ids(self, name: str) -> list[str]:
        """The transactions that alerts of the case gave as evidence, on record or not, by id."""
        query = select(case_evidence.c.transaction_id).where(case_evidence.c.case_number == case_number(name))
        return [row.transaction_id for row in self._rows(query.order_by(case_evidence.c.transaction_id))]

    def evidence(self, name: str) -> list[DecidedTransaction]:
        """Those that are on record, with what was decided, oldest first."""
        return self._record.transactions(self.evidence_ids(name))

    def attachments(self, name: str) -> list[Attachment]:
        """The files of a case, oldest first."""
        columns = [column for column in case_attachments.c if column.name != "content"]
        query = select(*columns).where(case_attachments.c.case_number == case_number(name))
        return [_attachment(row) for row in self._rows(query.order_by(case_attachments.c.attachment_id))]

    def attachment(self, attachment_id: int) -> tuple[Attachment, bytes] | None:
        """A file and its content; raises StoreError where the content is not what was attached."""
        rows = self._rows(select(case_attachments).where(case_attachments.c.attachment_id == attachment_id))
        if not rows:
            return None
        if hashlib.sha256(rows[0].content).hexdigest() != rows[0].sha256:
            raise StoreError(f"attachment {attachment_id}: the content was altered; restore it from a backup")
        return _attachment(rows[0]), rows[0].content

    def labels(self, name: str) -> list[CaseLabel]:
        """What the case has said about transactions, and whether or not it was sent, oldest first."""
        query = select(case_labels).where(
            case_labels.c.case_number == case_number(name), case_labels.c.decided_at.is_not(None)
        )
        return [_label(row) for row in self._rows(query.order_by(case_labels.c.key))]

    def waiting_labels(self, limit: int = 1_000) -> list[CaseLabel]:
        """Labels that are still to be sent, oldest first."""
        query = select(case_labels).where(WAITING)
        return [_label(row) for row in self._rows(query.order_by(case_labels.c.key).limit(limit))]

    def _one(self, query: Select[Any]) -> Case | None:
        rows = self._rows(query)
        return read_case(rows[0]) if rows else None

    def _rows(self, query: Select[Any]) -> list[Row[Any]]:
        with store_errors("read"), self._engine.connect() as connection:
            return list(connection.execute(query))


def read_case(row: Row[Any]) -> Case:
    """A case from its row."""
    values = dict(row._mapping)
    return Case(
        **{
            **{name: values[name] for name in Case.__struct_fields__ if name != "case_id"},
            "case_id": case_id(values["number"]),
            "subject": Subject(row.subject),
            "severity": Severity(row.severity),
            "state": CaseState(row.state),
            "disposition": None if row.disposition is None else Disposition(row.disposition),
        }
    )


def _by_number(numbers: list[int]) -> Select[Any]:
    return select(*COLUMNS).where(cases.c.number.in_(numbers))


def _attachment(row: Row[Any]) -> Attachment:
    values = {name: getattr(row, name) for name in Attachment.__struct_fields__ if name != "case_id"}
    return Attachment(case_id=case_id(row.case_number), **values)


def _label(row: Row[Any]) -> CaseLabel:
    return CaseLabel(row.key, case_id(row.case_number), row.transaction_id, row.is_fraud, row.decided_at)


def _distance(one: Case, other: Case) -> float:
    """Sizes and sums are compared by their ratio, scores by their difference: twice as large is as far as 0.35."""
    return (
        abs(math.log2((one.size + 1) / (other.size + 1)))
        + abs(math.log2((one.money + 1) / (other.money + 1)))
        + abs(one.score - other.score) / 0.35
    )
