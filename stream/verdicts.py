"""What the scorer said of transactions, with all that the record keeps of it: it stands on its own.

No scorer and no state are needed to write it down, so that this may happen in another process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.decision import Decision, Reason
from fraud.receipt import ReceiptBatch
from fraud.transaction import Transaction
from models.thresholds import OUTCOMES

if TYPE_CHECKING:
    from stream.pipeline import Step

__all__ = ["ScoredBy", "Verdicts", "joined", "verdicts"]


class ScoredBy(msgspec.Struct, frozen=True):
    """The model that scored, as decisions and receipts name it."""

    version: str
    feature_hash: str
    thresholds: dict[str, float]
    """Scores from which review and block begin."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Row i of each part belongs to ``transactions[i]``, which is tokenised."""

    transactions: Sequence[Transaction]
    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    """Codes, by their place in ``OUTCOMES``."""
    reasons: Mapping[int, tuple[Reason, ...]]
    """Of the rows that are not approved."""
    arrays: Mapping[str, NDArray[Any]]
    """All that the scores depend on, see ``fraud.receipt``."""
    model: ScoredBy

    def decisions(self) -> list[Decision]:
        """One a transaction."""
        version, reasons = self.model.version, self.reasons
        rows = zip(self.transactions, self.scores.tolist(), self.outcomes.tolist(), strict=True)
        return [
            Decision(
                one.transaction_id, one.event_time, score, OUTCOMES[outcome], version, reasons.get(row, ())
            )
            for row, (one, score, outcome) in enumerate(rows)
        ]

    def receipts(self) -> ReceiptBatch:
        """One a transaction."""
        return ReceiptBatch(
            transaction_ids=[one.transaction_id for one in self.transactions],
            scores=self.scores,
            reasons=[self.reasons.get(row, ()) for row in range(len(self.transactions))],
            model_version=self.model.version,
            feature_hash=self.model.feature_hash,
            thresholds=self.model.thresholds,
            arrays=self.arrays,
        )


def joined(parts: Sequence[Verdicts]) -> list[Verdicts]:
    """The same verdicts in the same order, neighbours by one model in one piece."""
    pieces = [list(part) for _, part in groupby(parts, key=lambda one: one.model)]
    return [part[0] if len(part) == 1 else _join(part) for part in pieces]


def _join(parts: Sequence[Verdicts]) -> Verdicts:
    reasons: dict[int, tuple[Reason, ...]] = {}
    first = 0
    for part in parts:
        reasons.update((first + row, why) for row, why in part.reasons.items())
        first += len(part.transactions)
    return Verdicts(
        transactions=[one for part in parts for one in part.transactions],
        scores=np.concatenate([part.scores for part in parts]),
        outcomes=np.concatenate([part.outcomes for part in parts]),
        reasons=reasons,
        arrays={name: np.concatenate([part.arrays[name] for part in parts]) for name in parts[0].arrays},
        model=parts[0].model,
    )


def verdicts(step: Step, transactions: Sequence[Transaction]) -> Verdicts:
    """Of a step whose row i is ``transactions[i]``."""
    scorer = step.scorer
    thresholds = scorer.thresholds
    return Verdicts(
        transactions=transactions,
        scores=step.scores.score,
        outcomes=step.scores.decision,
        reasons=step.explained,
        arrays=scorer.receipt(step.observation),
        model=ScoredBy(
            scorer.version,
            scorer.feature_hash,
            {"review": thresholds.review, "block": thresholds.block},
        ),
    )
