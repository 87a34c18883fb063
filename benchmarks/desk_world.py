"""A record with as many alerts and cases as asked for, for ``benchmarks.desk_pages``: written in bulk, by seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import func, insert, select

from fraud.alert import Alert, Severity, Subject
from fraud.case import CaseState
from fraud.case_tables import cases
from fraud.database import writing
from fraud.decision import Decision, Outcome, Reason
from fraud.record import Record
from fraud.record_tables import alerts
from fraud.ring import NodeKind, Ring, RingMember
from fraud.transaction import Transaction

__all__ = ["add_cases", "add_great_ring", "add_payments"]

PORTION = 5_000
PAYMENTS_AT_ONCE = 10_000
EDGES_A_PAYMENT = 3
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
    with record.engine.connect() as connection:
        there = connection.scalar(select(func.coalesce(func.max(cases.c.number), 0))) or 0
    made = 0
    while made < number:
        size = min(PORTION, number - made)
        pairs = list(_pairs(draw, there + made, size, now))
        with record.engine.connect() as connection, writing(connection):
            connection.execute(insert(alerts), [alert for alert, _ in pairs])
            connection.execute(insert(cases), [case for _, case in pairs])
        made += size


def add_payments(record: Record, edges: int, *, now: datetime, seed: int = 0) -> int:
    """Write payments that make about ``edges`` relationships between accounts, merchants, devices and addresses.

    Each payment is of an account, device and address of its own beside one of 20,000 merchants: three relationships.
    Returns the number of payments.
    """
    number, draw = edges // EDGES_A_PAYMENT, np.random.default_rng(seed)
    for first in range(0, number, PAYMENTS_AT_ONCE):
        size = min(PAYMENTS_AT_ONCE, number - first)
        shops, amounts = draw.integers(20_000, size=size).tolist(), draw.lognormal(3.5, 1.0, size).tolist()
        paid = [
            _payment(first + i, now - timedelta(seconds=number - first - i), shops[i], round(amounts[i], 2))
            for i in range(size)
        ]
        record.write_batch(paid, [_approved(one) for one in paid])
    return number


def add_great_ring(record: Record, *, now: datetime, hub: str) -> None:
    """Write a ring of 620 members with 1,380 relationships between them, and its alert; ``hub`` is one of its shops."""
    accounts, devices, addresses, shops = 400, 100, 100, 20
    names = [hub, *(f"great-shop-{i}" for i in range(1, shops))]
    paid = []
    for i in range(accounts):
        for turn in range(2 if i < 180 else 1):
            paid.append(
                Transaction(
                    transaction_id=f"great-{i}-{turn}",
                    event_time=now - timedelta(minutes=2_000 - 2 * i - turn),
                    account_id=f"a_great{i}",
                    amount=100.0 + i,
                    merchant_id=names[i % shops],
                    device_id=f"d_great{(i + turn) % devices}",
                    # The second payment is from another device alone, so that each pair is one relationship.
                    ip=f"i_great{i % addresses}",
                    channel="online",
                )
            )
    decisions = [Decision(one.transaction_id, one.event_time, 0.9, Outcome.REVIEW, "great") for one in paid]
    ids = {
        NodeKind.ACCOUNT: [f"a_great{i}" for i in range(accounts)],
        NodeKind.DEVICE: [f"d_great{i}" for i in range(devices)],
        NodeKind.IP: [f"i_great{i}" for i in range(addresses)],
        NodeKind.MERCHANT: names,
    }
    members = tuple(
        RingMember(member, kind, "payer", 0.9, now) for kind, of_kind in ids.items() for member in of_kind
    )
    ring = Ring(
        ring_id="great-ring",
        version=1,
        kind="shared_device",
        score=0.95,
        members=members,
        first_alert_time=now,
        last_seen=now,
        money=250_000.0,
        transaction_ids=tuple(one.transaction_id for one in paid),
    )
    alert = Alert(
        alert_id=Alert.id_for(Subject.RING, ring.ring_id),
        version=1,
        subject=Subject.RING,
        subject_id=ring.ring_id,
        kind=ring.kind,
        severity=Severity.CRITICAL,
        score=ring.score,
        money=ring.money,
        members=members,
        reasons=(Reason("account_device_count", REASONS[0], 6.0, 2.0),),
        opened_at=now,
        first_seen=now,
        last_seen=now,
        transaction_ids=ring.transaction_ids,
    )
    record.write_batch(paid, decisions, rings=[ring], alerts=[alert])


def _payment(number: int, at: datetime, shop: int, amount: float) -> Transaction:
    return Transaction(
        transaction_id=f"pay-{number}",
        event_time=at,
        account_id=f"a_{number:026d}",
        amount=amount,
        merchant_id=f"shop-{shop}",
        device_id=f"d_{number:026d}",
        ip=f"i_{number:026d}",
        channel="online",
    )


def _approved(one: Transaction) -> Decision:
    return Decision(one.transaction_id, one.event_time, 0.01, Outcome.APPROVE, "plain")


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
