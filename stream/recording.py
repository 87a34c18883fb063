"""Puts what the pipeline decided into the record: decisions, receipts, rings, alerts, all or nothing a batch."""

from __future__ import annotations

from collections.abc import Sequence

from fraud.alert import Alert
from fraud.decision import Decision
from fraud.receipt import ReceiptBatch
from fraud.record import Record
from fraud.transaction import Transaction
from models.scorer import Scorer
from models.thresholds import APPROVE, OUTCOMES
from stream.alerting import AlertDesk, moment, ring_record
from stream.pipeline import Step

__all__ = ["Recorder", "raise_alerts"]


def raise_alerts(desk: AlertDesk, step: Step, transaction_ids: Sequence[str]) -> list[Alert]:
    """Alerts that a step brings up, in event order: rings first where one transaction raises both."""
    alerts: list[Alert] = []
    by_row = dict(step.rings)
    for row, reasons in step.explained.items():
        if row in by_row:
            alerts += desk.on_ring(by_row[row], reasons)
        if step.scores.decision[row] != APPROVE:
            alerts += desk.on_suspicion(
                step.events.account[row], transaction_ids[row], int(step.events.time[row]),
                float(step.scores.score[row]), float(step.events.amount[row]), reasons,
            )  # fmt: skip
    return alerts


class Recorder:
    """Writes steps to a record; redelivered transactions keep the decision they had."""

    def __init__(self, record: Record, scorer: Scorer, desk: AlertDesk) -> None:
        self.record = record
        self.scorer = scorer
        self.desk = desk

    def write(self, step: Step, transactions: Sequence[Transaction]) -> list[Alert]:
        """Record a step whose row i is ``transactions[i]`` (tokenised); returns the alerts that it raised."""
        ids = [one.transaction_id for one in transactions]
        alerts = raise_alerts(self.desk, step, ids)
        if transactions or alerts:
            self.record.write_batch(
                transactions, self._decisions(step, ids), self._receipts(step, ids),
                rings=[ring_record(change.ring) for _, change in step.rings], alerts=alerts,
            )  # fmt: skip
        return alerts

    def _decisions(self, step: Step, ids: Sequence[str]) -> list[Decision]:
        scores = step.scores
        return [
            Decision(
                transaction_id=transaction_id,
                event_time=moment(int(step.events.time[row])),
                score=float(scores.score[row]),
                outcome=OUTCOMES[scores.decision[row]],
                model_version=self.scorer.version,
                reasons=step.explained.get(row, ()),
            )
            for row, transaction_id in enumerate(ids)
        ]

    def _receipts(self, step: Step, ids: Sequence[str]) -> ReceiptBatch:
        thresholds = self.scorer.thresholds
        return ReceiptBatch(
            transaction_ids=ids,
            scores=step.scores.score,
            reasons=[step.explained.get(row, ()) for row in range(len(ids))],
            model_version=self.scorer.version,
            feature_hash=self.scorer.feature_hash,
            thresholds={"review": thresholds.review, "block": thresholds.block},
            arrays=self.scorer.receipt(step.observation, range(len(ids))),
        )
