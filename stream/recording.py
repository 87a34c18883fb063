"""Puts what the pipeline decided into the record: decisions, receipts, rings, alerts, all or nothing a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.receipt import ReceiptBatch
from fraud.record import Record
from fraud.transaction import Transaction
from models.scorer import Scorer
from models.thresholds import OUTCOMES
from stream.alerting import moment
from stream.desk import Raised
from stream.pipeline import Step

__all__ = ["Recorder"]


class Recorder:
    """Writes steps to a record; redelivered transactions keep the decision they had."""

    def __init__(self, record: Record, scorer: Scorer) -> None:
        self.record = record
        self.scorer = scorer

    def write(
        self,
        step: Step,
        transactions: Sequence[Transaction],
        raised: Raised | None = None,
        *,
        stream: str = "main",
        positions: Mapping[str, int] | None = None,
        dead_letters: Iterable[DeadLetter] = (),
    ) -> list[Decision]:
        """Record a step whose row i is ``transactions[i]`` (tokenised), with what the ring desk made of it.

        Returns the decisions in force: of a transaction that had one already, the one that it had. ``stream``,
        ``positions`` and ``dead_letters`` as in ``Record.write_batch``.
        """
        ids = [one.transaction_id for one in transactions]
        decisions = self._decisions(step, ids)
        written = self.record.write_batch(
            transactions,
            decisions,
            self._receipts(step, ids),
            stream=stream,
            positions=positions,
            rings=() if raised is None else raised.rings,
            alerts=() if raised is None else raised.alerts,
            dead_letters=dead_letters,
        )
        if not written.repeated:
            return decisions
        first = self.record.decisions(written.repeated)
        return [first.get(one.transaction_id, one) for one in decisions]

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
