"""Made-up batches for tests of the record and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from fraud.alert import Alert, Severity, Subject
from fraud.decision import Decision, Outcome, Reason
from fraud.receipt import ReceiptBatch
from fraud.ring import NodeKind, Ring, RingMember
from fraud.transaction import Transaction

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
REASON = Reason("device_accounts_1d", "5 accounts paid from this device within a day", 5.0, 1.7)


def transaction(i: int) -> Transaction:
    return Transaction(
        transaction_id=f"t{i}",
        event_time=START + timedelta(minutes=i, microseconds=i % 1000),
        account_id=f"a_{i % 7}",
        merchant_id=f"shop{i % 3}",
        amount=10.0 + i,
        device_id=f"d_{i % 5}" if i % 4 else None,
        ip=f"i_{i % 6}",
        channel="online",
    )


def plain_payments(first: int, count: int) -> list[Transaction]:
    """One account's at one shop, a second apart."""
    return [
        Transaction(
            transaction_id=f"t{number}",
            event_time=START + timedelta(seconds=number),
            account_id="a_1",
            amount=10.5,
            merchant_id="shop",
        )
        for number in range(first, first + count)
    ]


def decision(i: int, score: float | None = None) -> Decision:
    score = (i % 100) / 100 if score is None else score
    outcome = Outcome.BLOCK if score > 0.9 else Outcome.REVIEW if score > 0.6 else Outcome.APPROVE
    reasons = () if outcome is Outcome.APPROVE else (REASON,)
    return Decision(transaction(i).transaction_id, transaction(i).event_time, score, outcome, "m1", reasons)


def receipt_batch(rows: Sequence[int]) -> ReceiptBatch:
    return ReceiptBatch(
        transaction_ids=[f"t{i}" for i in rows],
        scores=np.array([decision(i).score for i in rows]),
        reasons=[decision(i).reasons for i in rows],
        model_version="m1",
        feature_hash="f00d",
        thresholds={"review": 0.6, "block": 0.9},
        arrays={
            "features": np.array([[i, np.nan, -1] for i in rows], dtype=np.float32).reshape(len(rows), 3),
            "ends": np.array([[i, i, -1, -1] for i in rows], dtype=np.int32).reshape(len(rows), 4),
        },
    )


def ring(ring_id: str = "r1", version: int = 1, accounts: int = 3, devices: int = 1) -> Ring:
    members = [
        RingMember(f"a_{i}", NodeKind.ACCOUNT, "payer", 0.9 - i / 100, START) for i in range(accounts)
    ] + [RingMember(f"d_{i}", NodeKind.DEVICE, "shared device", 0.5, START) for i in range(devices)]
    return Ring(
        ring_id=ring_id,
        version=version,
        kind="shared_device",
        score=0.9,
        members=tuple(members),
        first_alert_time=START,
        last_seen=START + timedelta(hours=version),
        money=1234.5,
        transaction_ids=("t1", "t2", "t3"),
    )


def alert(of: Ring, severity: Severity = Severity.HIGH) -> Alert:
    return Alert(
        alert_id=Alert.id_for(Subject.RING, of.ring_id),
        version=of.version,
        subject=Subject.RING,
        subject_id=of.ring_id,
        kind=of.kind,
        severity=severity,
        score=of.score,
        money=of.money,
        members=of.members,
        reasons=(REASON,),
        opened_at=of.first_alert_time,
        first_seen=of.first_alert_time,
        last_seen=of.last_seen,
        transaction_ids=of.transaction_ids,
    )
