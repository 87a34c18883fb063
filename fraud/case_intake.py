"""Alerts become cases, in the database transaction that brings the alerts: one open case for each ring or account.

A newer state of an alert joins the open case. After the case was closed, an alert that says it is to be looked at again
reopens it, any other opens a new one beside it. A ring's case takes over those of its accounts. What was taken in
before, by version, changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select, update

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.case import JOINED, CaseState, CaseStep, Relation
from fraud.case_history import add_events, event_row, hold_cases, relate_cases
from fraud.case_tables import NOT_CLOSED, case_evidence, cases
from fraud.database import insert_new, portions
from fraud.record_tables import alerts as alert_table
from fraud.record_tables import ring_members, rings
from fraud.ring import NodeKind, RingStatus
from fraud.settings import CaseSettings, Settings

__all__ = ["ALERT_STATES", "due_date", "join_cases", "open_missing_cases"]

ALERT_STATES = {
    CaseState.OPEN: AlertState.OPEN,
    CaseState.IN_PROGRESS: AlertState.IN_REVIEW,
    CaseState.AWAITING_APPROVAL: AlertState.IN_REVIEW,
    CaseState.CLOSED: AlertState.CLOSED,
}
"""How an alert stands while its case stands so."""

CODES = {RingStatus.SUPPRESSED.value: "ring_suppressed", RingStatus.CLOSED.value: "ring_closed"}
ALERT_CLOSED = "alert_closed"
"""Reason codes of cases that the software closed, beside ``JOINED``."""

CHANGEABLE = [column.name for column in cases.c if column.name not in ("number", "alert_id", "opened_at")]
STAND = (
    update(alert_table)
    .where(alert_table.c.alert_id == bindparam("of_alert"), alert_table.c.state != bindparam("stands"))
    .values(state=bindparam("stands"))
)
INSERT = insert(cases)
UPDATE = (
    update(cases)
    .where(cases.c.number == bindparam("of_number"))
    .values({name: bindparam(f"new_{name}") for name in CHANGEABLE})
)


@lru_cache(1)
def _settings_of(_: frozenset[tuple[str, str]]) -> CaseSettings:
    """The settings of this environment: to read them takes longer than to write an alert, and decisions wait."""
    return Settings.load().cases


def due_date(severity: Severity, opened: datetime, settings: CaseSettings) -> datetime:
    """When a case that was opened then is to be closed."""
    hours: float = getattr(settings, f"due_hours_{severity.value}")
    return opened + timedelta(hours=hours)


def join_cases(connection: Connection, alerts: Sequence[Alert]) -> None:
    """Take alerts in, those of one subject in the order of their versions.

    Call ``hold_cases`` in the same transaction before; the alerts, and the rings they are about, are on record.
    """
    intake = _Intake(connection, alerts)
    for alert in sorted(alerts, key=lambda one: one.subject is Subject.ACCOUNT):
        intake.take(alert)
    intake.write()


def open_missing_cases(connection: Connection) -> int:
    """Open cases for open alerts that came before there were cases; returns how many alerts there were."""
    hold_cases(connection)
    query = select(alert_table.c.body, alert_table.c.state).where(
        alert_table.c.state != AlertState.CLOSED.value,
        alert_table.c.alert_id.not_in(select(cases.c.alert_id)),
    )
    missing = [
        msgspec.structs.replace(
            msgspec.json.decode(row.body, type=Alert), state=AlertState.OPEN, reopened=False
        )
        for row in connection.execute(query.order_by(alert_table.c.opened_at, alert_table.c.alert_id))
    ]
    join_cases(connection, missing)
    return len(missing)


class _Intake:
    """The cases that some alerts touch, changed in memory and written at once."""

    def __init__(self, connection: Connection, alerts: Sequence[Alert]) -> None:
        self._connection = connection
        self._now = datetime.now(UTC)
        self._events: list[dict[str, Any]] = []
        self._pairs: list[tuple[int, int, Relation]] = []
        self._evidence: list[dict[str, Any]] = []
        self._merged: list[tuple[int, str]] = []
        """Cases whose ring became part of another, which may be known only when all alerts are taken in."""
        self._rows: dict[str, dict[str, Any]] = {}
        """The newest case of each alert; an open one is always the newest."""
        self._changed: dict[int, dict[str, Any]] = {}
        self._added: dict[int, dict[str, Any]] = {}
        self._moved: set[str] = set()
        """Alerts whose case was opened, reopened or closed here."""
        self._next = connection.execute(select(func.coalesce(func.max(cases.c.number), 0))).scalar_one() + 1
        self._load([alert.alert_id for alert in alerts])
        accounts = {account for alert in alerts for account in _accounts(alert)}
        self._load([Alert.id_for(Subject.ACCOUNT, account) for account in sorted(accounts)], only_open=True)

    def take(self, alert: Alert) -> None:
        """Take one state of an alert in."""
        row = self._rows.get(alert.alert_id)
        if row is not None and row["alert_version"] >= alert.version:
            return
        is_open = row is not None and row["state"] != CaseState.CLOSED.value
        if alert.state is AlertState.CLOSED:
            if row is None:
                return
            row["alert_version"] = alert.version
            self._changed[row["number"]] = row
            if is_open:
                self._end(row, alert)
            return
        if row is None or not (is_open or alert.reopened):
            row = self._open(alert, row)
        elif is_open:
            self._grow(row, alert)
        else:
            self._reopen(row, alert)
        self._evidence += [
            {"case_number": row["number"], "transaction_id": one} for one in alert.transaction_ids
        ]
        for account in _accounts(alert):
            taken_over = self._rows.get(Alert.id_for(Subject.ACCOUNT, account))
            if taken_over is not None and taken_over["state"] != CaseState.CLOSED.value:
                self._close(taken_over, JOINED, f"now part of {alert.subject_id}")
                self._pairs.append((taken_over["number"], row["number"], Relation.JOINED))

    def write(self) -> None:
        """Put everything on record."""
        for number, ring_id in self._merged:
            other = self._newest_of(Alert.id_for(Subject.RING, ring_id))
            if other is not None and other != number:
                self._pairs.append((number, other, Relation.JOINED))
        changed = [row for number, row in sorted(self._changed.items()) if number not in self._added]
        if changed:
            # Before those that are new: of one alert only one may be open at any moment.
            values = [
                {"of_number": row["number"], **{f"new_{name}": row[name] for name in CHANGEABLE}}
                for row in changed
            ]
            self._connection.execute(UPDATE, values)
        if self._added:
            self._connection.execute(INSERT, list(self._added.values()))
        if self._moved:
            states = ((one, CaseState(self._rows[one]["state"])) for one in sorted(self._moved))
            stand = [{"of_alert": one, "stands": ALERT_STATES[state].value} for one, state in states]
            self._connection.execute(STAND, stand)
        insert_new(self._connection, case_evidence, self._evidence)
        add_events(self._connection, self._events)
        relate_cases(self._connection, self._pairs, self._now)

    @cached_property
    def _settings(self) -> CaseSettings:
        return _settings_of(frozenset(os.environ.items()))

    def _load(self, alert_ids: Iterable[str], *, only_open: bool = False) -> None:
        for some in portions(alert_ids):
            query = select(cases).where(cases.c.alert_id.in_(some)).order_by(cases.c.number)
            for row in self._connection.execute(query.where(NOT_CLOSED) if only_open else query):
                self._rows[row.alert_id] = dict(row._mapping)

    def _newest_of(self, alert_id: str) -> int | None:
        if alert_id in self._rows:
            return int(self._rows[alert_id]["number"])
        query = select(func.max(cases.c.number)).where(cases.c.alert_id == alert_id)
        found: int | None = self._connection.execute(query).scalar()
        return found

    def _open(self, alert: Alert, earlier: dict[str, Any] | None) -> dict[str, Any]:
        number, self._next = self._next, self._next + 1
        row = dict.fromkeys(column.name for column in cases.c) | {
            "number": number,
            "alert_id": alert.alert_id,
            "subject": alert.subject.value,
            "subject_id": alert.subject_id,
            "state": CaseState.OPEN.value,
            "opened_at": self._now,
            "due_at": due_date(alert.severity, self._now, self._settings),
            "version": 1,
            "first_seen": alert.first_seen,
        }
        self._refresh(row, alert)
        self._rows[alert.alert_id] = row
        self._added[number] = row
        self._moved.add(alert.alert_id)
        if earlier is not None:
            self._pairs.append((earlier["number"], number, Relation.EARLIER))
        self._tell(row, CaseStep.OPENED, alert.top_reason)
        return row

    def _reopen(self, row: dict[str, Any], alert: Alert) -> None:
        row |= {
            "state": CaseState.OPEN.value,
            "due_at": due_date(alert.severity, self._now, self._settings),
            "version": row["version"] + 1,
            **dict.fromkeys(("assignee", "disposition", "reason_code", "decided_by", "closed_at")),
        }
        self._refresh(row, alert)
        self._moved.add(alert.alert_id)
        self._tell(row, CaseStep.REOPENED, alert.top_reason)

    def _grow(self, row: dict[str, Any], alert: Alert) -> None:
        if alert.severity.rank > row["severity_rank"]:
            row["due_at"] = min(row["due_at"], due_date(alert.severity, self._now, self._settings))
            if row["snoozed_until"] is not None:
                row |= dict.fromkeys(("snoozed_until", "snoozed_by", "snooze_reason"))
                row["version"] += 1
                self._tell(row, CaseStep.WOKEN, f"severity rose to {alert.severity.value}")
        self._refresh(row, alert)
        self._tell(row, CaseStep.GREW, alert.top_reason)

    def _refresh(self, row: dict[str, Any], alert: Alert) -> None:
        row |= {
            "alert_version": alert.version,
            "kind": alert.kind,
            "severity": alert.severity.value,
            "severity_rank": alert.severity.rank,
            "score": alert.score,
            "money": alert.money,
            "at_risk": alert.score * alert.money,
            "size": len(alert.members),
            "top_reason": alert.top_reason,
            "first_seen": min(row["first_seen"], alert.first_seen),
            "last_seen": alert.last_seen,
            "updated_at": self._now,
        }
        self._changed[row["number"]] = row

    def _end(self, row: dict[str, Any], alert: Alert) -> None:
        """Close the case of an alert that was closed: taken over, or its ring decided about elsewhere."""
        if alert.subject is Subject.ACCOUNT:
            ring_id = self._open_ring_of(alert.subject_id)
            if ring_id is not None:
                self._merged.append((row["number"], ring_id))
            self._close(row, JOINED, alert.top_reason)
            return
        query = select(rings.c.status, rings.c.merged_into, rings.c.decided_by)
        ring = self._connection.execute(query.where(rings.c.ring_id == alert.subject_id)).first()
        if ring is not None and ring.merged_into is not None:
            self._merged.append((row["number"], ring.merged_into))
            self._close(row, JOINED, alert.top_reason)
            return
        code = CODES.get(ring.status, ALERT_CLOSED) if ring is not None else ALERT_CLOSED
        self._close(row, code, alert.top_reason, by=ring.decided_by if ring is not None else "")

    def _open_ring_of(self, account: str) -> str | None:
        query = (
            select(rings.c.ring_id)
            .join(ring_members, ring_members.c.ring_id == rings.c.ring_id)
            .where(
                ring_members.c.member_id == account,
                ring_members.c.kind == NodeKind.ACCOUNT.value,
                rings.c.status == RingStatus.OPEN.value,
            )
            .limit(1)
        )
        found: str | None = self._connection.execute(query).scalar()
        return found

    def _close(self, row: dict[str, Any], code: str, told: str, *, by: str = "") -> None:
        if row["state"] == CaseState.AWAITING_APPROVAL.value:
            # Somebody's decision on it stands; the second person closes it.
            return
        row |= {
            "state": CaseState.CLOSED.value,
            "reason_code": code,
            "closed_at": self._now,
            "updated_at": self._now,
            "version": row["version"] + 1,
            **dict.fromkeys(("snoozed_until", "snoozed_by", "snooze_reason")),
        }
        self._changed[row["number"]] = row
        self._moved.add(row["alert_id"])
        self._tell(row, CaseStep.CLOSED, told, by=by)

    def _tell(self, row: dict[str, Any], step: CaseStep, told: str, *, by: str = "") -> None:
        detail = {"alert_version": str(row["alert_version"]), "severity": row["severity"]}
        if step is CaseStep.GREW:
            detail |= {"size": str(row["size"]), "money": f"{row['money']:.2f}"}
        self._events.append(event_row(row["number"], self._now, step, told, by=by, detail=detail))


def _accounts(alert: Alert) -> list[str]:
    """The accounts whose cases a ring's alert takes over: none while the ring is closed."""
    if alert.subject is not Subject.RING or alert.state is AlertState.CLOSED:
        return []
    return [member.member_id for member in alert.members if member.kind is NodeKind.ACCOUNT]
