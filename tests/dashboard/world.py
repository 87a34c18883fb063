"""A small world with three rings of different kinds, recorded as the pipeline would."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from fraud.alert import Alert, Severity, Subject
from fraud.decision import Decision, Outcome, Reason
from fraud.receipt import ReceiptBatch
from fraud.record import Record
from fraud.ring import NodeKind, Ring, RingMember
from fraud.transaction import Transaction
from graph.features import FEATURE_NAMES, feature_hash

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SHARED = Reason("account_device_count", "6 accounts pay from 2 devices that nobody else uses", 6.0, 2.1)
DENSE = Reason("target_risk_7d", "A third of this merchant's new payers were reported for fraud", 0.33, 1.4)
NEW = Reason("pair_is_new", "The payer has never paid here before", 1.0, 0.4)

SHARERS = [f"r{i}" for i in range(6)]


def token(kind: str, number: int) -> str:
    digest = hashlib.blake2b(f"{kind}{number}".encode(), digest_size=16).digest()
    return f"{kind}_{base64.b32encode(digest).decode().lower().rstrip('=')}"


def payments() -> Iterator[tuple[Transaction, float]]:
    """Honest payments, a shared-device ring at one merchant, a cycle of transfers, and one odd account."""
    draw = np.random.default_rng(7)
    for i in range(400):
        account = int(draw.integers(60))
        yield pay(
            i, f"a{account}", merchant=f"shop-{draw.integers(12)}", device=account, score=draw.random() * 0.2
        )
    for i in range(36):
        shop = "grey-imports" if i % 3 else "shop-3"
        score = 0.72 + draw.random() * 0.27
        yield pay(
            400 + i, f"r{i % 6}", merchant=shop, device=1_000 + i % 2, score=score, amount=180 + 90 * (i % 5)
        )
    for i in range(12):
        yield pay(
            500 + i,
            f"c{i % 4}",
            counterparty=f"c{(i + 1) % 4}",
            device=2_000 + i % 4,
            score=0.66,
            amount=2_400,
        )
    yield pay(600, "a7", merchant="shop-1", device=7, score=0.93, amount=1_950)


def pay(
    i: int,
    account: str,
    *,
    device: int,
    score: float,
    merchant: str | None = None,
    counterparty: str | None = None,
    amount: float = 24.5,
) -> tuple[Transaction, float]:
    return (
        Transaction(
            transaction_id=f"tx-{i:05d}",
            event_time=START + timedelta(minutes=7 * i),
            account_id=token("a", hash_of(account)),
            merchant_id=merchant,
            counterparty_id=token("a", hash_of(counterparty)) if counterparty else None,
            amount=amount + i % 9,
            device_id=token("d", device),
            ip=token("i", device // 3),
            channel="online",
        ),
        score,
    )


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


def account(name: str) -> str:
    return token("a", hash_of(name))


def decide(payment: Transaction, score: float) -> Decision:
    outcome = Outcome.BLOCK if score > 0.9 else Outcome.REVIEW if score > 0.6 else Outcome.APPROVE
    reasons = () if outcome is Outcome.APPROVE else (SHARED, DENSE, NEW)
    return Decision(payment.transaction_id, payment.event_time, score, outcome, "2026-03-01.1", reasons)


def fill(record: Record) -> dict[str, Alert]:
    """Record the world; its alerts by ring id or account."""
    paid = list(payments())
    decisions = [decide(payment, score) for payment, score in paid]
    values = np.random.default_rng(1).exponential(size=(len(paid), len(FEATURE_NAMES))).astype(np.float32)
    values[:, ::3] = np.nan
    receipts = ReceiptBatch(
        transaction_ids=[payment.transaction_id for payment, _ in paid],
        scores=np.array([score for _, score in paid]),
        reasons=[decision.reasons for decision in decisions],
        model_version="2026-03-01.1",
        feature_hash=feature_hash(),
        thresholds={"review": 0.6, "block": 0.9},
        arrays={"features": values},
    )
    rings = (
        ring(
            "ring-device",
            "shared_device",
            [f"r{i}" for i in range(6)],
            [1_000, 1_001],
            "grey-imports",
            range(400, 436),
        ),
        ring("ring-cycle", "round_trip", [f"c{i}" for i in range(4)], [], None, range(500, 512)),
    )
    alerts = [
        alert_of(rings[0], Severity.CRITICAL, (SHARED, DENSE)),
        alert_of(
            rings[1],
            Severity.HIGH,
            (Reason("cycle", "Money goes round four accounts within a day", 4.0, 1.0),),
        ),
        alone("a7", "tx-00600"),
    ]
    record.write_batch([payment for payment, _ in paid], decisions, receipts, rings=rings, alerts=alerts)
    return {alert.subject_id: alert for alert in alerts}


def ring(
    ring_id: str, kind: str, names: list[str], devices: list[int], merchant: str | None, rows: range
) -> Ring:
    since = START + timedelta(minutes=7 * rows[0])
    members = [RingMember(account(name), NodeKind.ACCOUNT, "payer", 0.95, since) for name in names]
    members += [RingMember(token("d", d), NodeKind.DEVICE, "shared device", 0.9, since) for d in devices]
    if merchant:
        members.append(RingMember(merchant, NodeKind.MERCHANT, "colluding merchant", 0.8, since))
    return Ring(
        ring_id=ring_id,
        version=1,
        kind=kind,
        score=0.94,
        members=tuple(members),
        first_alert_time=since,
        last_seen=START + timedelta(minutes=7 * rows[-1]),
        money=31_850.0,
        transaction_ids=tuple(f"tx-{i:05d}" for i in rows),
    )


def alert_of(of: Ring, severity: Severity, reasons: tuple[Reason, ...]) -> Alert:
    return Alert(
        alert_id=Alert.id_for(Subject.RING, of.ring_id),
        version=1,
        subject=Subject.RING,
        subject_id=of.ring_id,
        kind=of.kind,
        severity=severity,
        score=of.score,
        money=of.money,
        members=of.members,
        reasons=reasons,
        opened_at=of.first_alert_time,
        first_seen=of.first_alert_time,
        last_seen=of.last_seen,
        transaction_ids=of.transaction_ids,
    )


def alone(name: str, transaction_id: str) -> Alert:
    since = START + timedelta(minutes=7 * 600)
    return Alert(
        alert_id=Alert.id_for(Subject.ACCOUNT, account(name)),
        version=1,
        subject=Subject.ACCOUNT,
        subject_id=account(name),
        kind="suspicious_account",
        severity=Severity.MEDIUM,
        score=0.93,
        money=1_956.0,
        members=(RingMember(account(name), NodeKind.ACCOUNT, "payer", 0.93, since),),
        reasons=(NEW,),
        opened_at=since,
        first_seen=since,
        last_seen=since,
        transaction_ids=(transaction_id,),
    )
