"""A record with as many alerts and cases as asked for, for ``benchmarks.desk_pages``: written in bulk, by seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import insert

from fraud.alert import Alert, Severity, Subject
from fraud.case import CaseState
from fraud.case_tables import cases
from fraud.database import writing
from fraud.decision import Reason
from fraud.record import Record
from fraud.record_tables import alerts
from fraud.ring import NodeKind, RingMember

__all__ = ["add_cases"]

PORTION = 5_000
KINDS = ("shared_device", "shared_ip", "round_trip", "fan_in", "fan_out", "dense_block", "suspicious_account")
REASONS = (
    "6 accounts pay from 2 devices that nobody else uses",
    "Money goes round four accounts within a day",
    "A third of this merchant's new payers were reported for fraud",
    "The payer has never paid here before",
    "41 payments to one receiver within an hour, none before",
)
PEOPLE = ("ana", "ben", "chi", "dov")
SEVERITY_SHARES = (0.45, 0.3, 0.18, 0.07)
STATES = (CaseState.OPEN, CaseState.IN_PROGRESS, CaseState.AWAITING_APPROVAL, CaseState.CLOSED)
STATE_SHARES = (0.6, 0.2, 0.02, 0.18)


def add_cases(record: Record, number: int, *, now: datetime, seed: int = 0) -> None:
    """Write ``number`` alerts and a case for each, opened over the 90 days before ``now``."""
    draw = np.random.default_rng(seed)
    made = 0
    while made < number:
        size = min(PORTION, number - made)
        pairs = list(_pairs(draw, made, size, now))
        with record.engine.connect() as connection, writing(connection):
            connection.execute(insert(alerts), [alert for alert, _ in pairs])
            connection.execute(insert(cases), [case for _, case in pairs])
        made += size


def _pairs(
    draw: np.random.Generator, first: int, size: int, now: datetime
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    severities = draw.choice(4, size, p=SEVERITY_SHARES)
    states = draw.choice(4, size, p=STATE_SHARES)
    kinds, reasons, people = (draw.integers(len(some), size=size) for some in (KINDS, REASONS, PEOPLE))
    scores, money = 0.5 + 0.5 * draw.random(size), draw.lognormal(7.5, 1.2, size)
    ages, members = draw.random(size) * 90, draw.integers(1, 40, size)
    for i in range(size):
        subject_id = f"ring-{_digest(first + i)}"
        at = now - timedelta(days=float(ages[i]))
        severity, reason = list(Severity)[severities[i]], REASONS[reasons[i]]
        alert = Alert(
            alert_id=Alert.id_for(Subject.RING, subject_id),
            version=1,
            subject=Subject.RING,
            subject_id=subject_id,
            kind=KINDS[kinds[i]],
            severity=severity,
            score=float(scores[i]),
            money=float(money[i]),
            members=(RingMember(f"a_{_digest(i)}", NodeKind.ACCOUNT, "payer", 0.9, at),),
            reasons=(Reason("account_device_count", reason, 6.0, 2.0),),
            opened_at=at,
            first_seen=at,
            last_seen=at,
        )
        yield (
            _alert_row(alert, int(members[i])),
            _case_row(alert, first + i + 1, int(members[i]), STATES[states[i]], PEOPLE[people[i]], now),
        )


def _alert_row(alert: Alert, size: int) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "version": 1,
        "state": alert.state.value,
        "severity": alert.severity.value,
        "severity_rank": alert.severity.rank,
        "subject": alert.subject.value,
        "subject_id": alert.subject_id,
        "kind": alert.kind,
        "score": alert.score,
        "money": alert.money,
        "size": size,
        "top_reason": alert.top_reason,
        "opened_at": alert.opened_at,
        "last_seen": alert.last_seen,
        "body": msgspec.json.encode(alert).decode(),
    }


def _case_row(
    alert: Alert, number: int, size: int, state: CaseState, owner: str, now: datetime
) -> dict[str, Any]:
    closed = state is CaseState.CLOSED
    return {
        **{name: value for name, value in _alert_row(alert, size).items() if name not in ("version", "body")},
        "number": number,
        "alert_version": 1,
        "at_risk": alert.money * alert.score,
        "state": state.value,
        "assignee": None if state is CaseState.OPEN else owner,
        "disposition": "false_positive" if closed else None,
        "reason_code": "usual_business" if closed else None,
        "decided_by": owner if closed else None,
        "first_seen": alert.first_seen,
        "due_at": alert.opened_at + timedelta(days=4 * (4 - alert.severity.rank)),
        "closed_at": min(now, alert.opened_at + timedelta(days=1)) if closed else None,
        "snoozed_until": None,
        "snoozed_by": None,
        "snooze_reason": None,
        "updated_at": alert.opened_at,
        "version": 1,
    }


def _digest(number: int) -> str:
    return hashlib.blake2b(f"{number}".encode(), digest_size=10).hexdigest()
