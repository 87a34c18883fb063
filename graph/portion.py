"""From recorded transactions and rings to the rows that the write queries take.

Everything is summed per node and per pair of nodes first, so that a batch touches each of them once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fraud.decision import Outcome
from fraud.label import Label
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind, Ring, RingEdge, RingEvent

__all__ = [
    "EPOCH",
    "LARGEST_EVIDENCE",
    "edge_rows",
    "evidence_rows",
    "from_micros",
    "is_held",
    "label_rows",
    "node_rows",
    "ring_link_rows",
    "ring_rows",
    "to_micros",
    "transaction_rows",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

LARGEST_EVIDENCE = 500
"""Transactions of one ring that are kept one by one, the newest; and ties that sum them, those named first."""

LONGEST_HISTORY = 500
"""Steps of one ring that are written, the newest; earlier ones are there from earlier."""

Row = dict[str, Any]


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, as the graph holds times."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int | None) -> datetime | None:
    """The moment that the graph holds as microseconds."""
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def node_rows(transactions: Iterable[DecidedTransaction]) -> dict[NodeKind, list[Row]]:
    """What each node saw, by kind; an account counts what it pays and what it is paid."""
    rows: dict[NodeKind, dict[str, Row]] = {kind: {} for kind in NodeKind}
    for transaction in transactions:
        time = to_micros(transaction.event_time)
        score = transaction.score or 0.0
        held = int(is_held(transaction))
        for kind, node_id in _ends(transaction):
            row = rows[kind].get(node_id)
            if row is None:
                row = {
                    "id": node_id,
                    "transactions": 0,
                    "held": 0,
                    "worst": score,
                    "first": time,
                    "last": time,
                }
                rows[kind][node_id] = row
            row["transactions"] += 1
            row["held"] += held
            row["worst"] = max(row["worst"], score)
            row["first"] = min(row["first"], time)
            row["last"] = max(row["last"], time)
    return {kind: list(by_id.values()) for kind, by_id in rows.items()}


def edge_rows(transactions: Iterable[DecidedTransaction]) -> dict[str, list[Row]]:
    """What happened between each account and each other node, by the query that writes it."""
    rows: dict[str, dict[tuple[str, str], Row]] = {name: {} for _, name in EDGE_QUERIES}
    for transaction in transactions:
        time = to_micros(transaction.event_time)
        source = transaction.account_id
        for field, name in EDGE_QUERIES:
            target = getattr(transaction, field)
            if target is None:
                continue
            row = rows[name].get((source, target))
            if row is None:
                row = {
                    "source": source,
                    "target": target,
                    "count": 0,
                    "amount": 0.0,
                    "first": time,
                    "last": time,
                }
                rows[name][source, target] = row
            row["count"] += 1
            row["amount"] += transaction.amount
            row["first"] = min(row["first"], time)
            row["last"] = max(row["last"], time)
    return {name: list(by_pair.values()) for name, by_pair in rows.items()}


EDGE_QUERIES = (
    ("merchant_id", "write_purchases"),
    ("counterparty_id", "write_transfers"),
    ("device_id", "write_device_uses"),
    ("ip", "write_ip_uses"),
)


def transaction_rows(
    transactions: Iterable[DecidedTransaction],
    evidence: Iterable[DecidedTransaction],
    passing: Iterable[DecidedTransaction],
) -> list[Row]:
    """The transactions kept one by one: those not approved and the evidence for long, others in passing."""
    lasting = {t.transaction_id: t for t in transactions if is_held(t)}
    lasting.update((t.transaction_id, t) for t in evidence)
    kept = {t.transaction_id: t for t in passing} | lasting
    return [
        {
            "id": t.transaction_id,
            "time": to_micros(t.event_time),
            "amount": t.amount,
            "currency": t.currency,
            "score": t.score,
            "outcome": None if t.outcome is None else t.outcome.value,
            "lasting": t.transaction_id in lasting,
            "account": t.account_id,
            "merchants": [t.merchant_id] if t.merchant_id else [],
            "counterparties": [t.counterparty_id] if t.counterparty_id else [],
            "devices": [t.device_id] if t.device_id else [],
            "ips": [t.ip] if t.ip else [],
        }
        for t in kept.values()
    ]


def label_rows(labels: Iterable[Label]) -> list[Row]:
    """What was reported of transactions."""
    return [
        {
            "id": label.transaction_id,
            "is_fraud": label.is_fraud,
            "time": to_micros(label.label_time),
            "source": label.source,
        }
        for label in labels
    ]


def ring_rows(rings: Iterable[Ring]) -> list[Row]:
    """Rings with their members by kind."""
    return [
        {
            "id": ring.ring_id,
            "version": ring.version,
            "kind": ring.kind,
            "score": ring.score,
            "money": ring.money,
            "at_risk": ring.at_risk,
            "size": ring.accounts or sum(m.kind is NodeKind.ACCOUNT for m in ring.members),
            "truncated": ring.truncated,
            "status": ring.status.value,
            "decided_by": ring.decided_by,
            "suppressed_until": _micros(ring.suppressed_until),
            "first": _micros(ring.first_seen),
            "first_alert": to_micros(ring.first_alert_time),
            "last": to_micros(ring.last_seen),
            **{
                f"{kind.value}s": [
                    {"id": m.member_id, "role": m.role, "score": m.score, "joined": to_micros(m.joined_at)}
                    for m in ring.members
                    if m.kind is kind
                ]
                for kind in NodeKind
            },
        }
        for ring in rings
    ]


def ring_link_rows(rings: Iterable[Ring]) -> list[Row]:
    """Where rings come from and went, and their history."""
    return [
        {
            "id": ring.ring_id,
            "merged_into": _one(ring.merged_into),
            "split_from": _one(ring.split_from),
            "history": [_event_row(ring.ring_id, event) for event in ring.history[-LONGEST_HISTORY:]],
        }
        for ring in rings
    ]


def evidence_rows(rings: Iterable[Ring]) -> list[Row]:
    """What rings rest on: the newest transactions, and the ties that sum them, by kind of their target."""
    found = []
    for ring in rings:
        edges = ring.edges[:LARGEST_EVIDENCE]
        by_kind = {f"{kind.value}s": [_tie_row(e) for e in edges if e.kind is kind] for kind in NodeKind}
        sources = sorted({edge.source for edge in edges})
        newest = list(ring.transaction_ids[-LARGEST_EVIDENCE:])
        found.append({"id": ring.ring_id, "transactions": newest, "sources": sources, **by_kind})
    return found


def _event_row(ring_id: str, event: RingEvent) -> Row:
    return {
        "id": f"{ring_id}#{event.number}",
        "number": event.number,
        "time": to_micros(event.time),
        "step": event.step.value,
        "reason": event.reason,
        "count": event.count,
        "members": list(event.members),
        "other": event.ring_id,
        "by": event.by,
    }


def _tie_row(edge: RingEdge) -> Row:
    return {
        "source": edge.source,
        "target": edge.target,
        "count": edge.transactions,
        "amount": edge.amount,
        "score": edge.score,
        "first": to_micros(edge.first_seen),
        "last": to_micros(edge.last_seen),
    }


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment)


def _one(value: str | None) -> list[str]:
    """A list of at most one, which Cypher can go through."""
    return [] if value is None else [value]


def is_held(transaction: DecidedTransaction) -> bool:
    """Whether it was decided and not approved."""
    return transaction.outcome not in (None, Outcome.APPROVE)


def _ends(transaction: DecidedTransaction) -> Iterator[tuple[NodeKind, str]]:
    yield NodeKind.ACCOUNT, transaction.account_id
    if transaction.counterparty_id is not None:
        yield NodeKind.ACCOUNT, transaction.counterparty_id
    if transaction.merchant_id is not None:
        yield NodeKind.MERCHANT, transaction.merchant_id
    if transaction.device_id is not None:
        yield NodeKind.DEVICE, transaction.device_id
    if transaction.ip is not None:
        yield NodeKind.IP, transaction.ip
