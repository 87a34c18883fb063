"""The one path from events to decisions: observe, score, watch for rings. Shells feed it and keep what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.decision import Reason
from graph.events import Events
from graph.features import FEATURE_NAMES
from graph.observation import Observation
from graph.online import OnlineGraph
from graph.rings import RingChange, RingWatch, Suspect, Tie, TieKind
from models.scorer import Scorer, Scores
from models.thresholds import APPROVE

__all__ = ["Pipeline", "Step"]

SATURATED = 90.0
"""Estimated distinct payers from which the 32-bit sketch tells no more; the exact degree stands in."""

DEVICE_USERS = FEATURE_NAMES.index("device_degree")
IP_USERS = FEATURE_NAMES.index("ip_degree")
TARGET_USERS = FEATURE_NAMES.index("target_degree")
TARGET_RECENT = FEATURE_NAMES.index("target_distinct_30d")


@dataclass(frozen=True, slots=True)
class Step:
    """What the pipeline says of one micro-batch; row i is the batch's i-th transaction."""

    events: Events
    """The transactions alone, labels left out."""
    observation: Observation
    scores: Scores
    explained: dict[int, tuple[Reason, ...]]
    """Reasons of the rows that are not approved."""
    rings: list[tuple[int, RingChange]]
    """Rings to report, with the row that brought them up, in order."""


class Pipeline:
    """Graph, scorer and ring watch in step; not thread-safe, one writer of state."""

    def __init__(self, graph: OnlineGraph, scorer: Scorer, rings: RingWatch) -> None:
        self.graph = graph
        self.scorer = scorer
        self.rings = rings
        thresholds = scorer.thresholds
        self.suspect_from = max(thresholds.review, min(rings.policy.least_suspicion, thresholds.block))
        """Score from which a transaction leaves marks for ring detection."""

    def warm(self, events: Events) -> None:
        """Take in history: state moves, nothing is scored."""
        self.graph.observe(events, neighbourhoods=False)

    def process(self, events: Events, transaction_ids: Sequence[str]) -> Step:
        """Decide the transactions of a micro-batch in order and take in its labels.

        ``transaction_ids`` names the transactions alone, in their order.
        """
        observation = self.graph.observe(events)
        scores = self.scorer.score(observation)
        payments = events.transactions()
        flagged = np.flatnonzero(scores.decision != APPROVE).tolist()
        reasons = self.scorer.explain(scores, flagged) if flagged else []
        suspects = np.flatnonzero(scores.score >= self.suspect_from)
        rings = self._watch(payments, transaction_ids, observation.features, scores.score, suspects)
        return Step(payments, observation, scores, dict(zip(flagged, reasons, strict=True)), rings)

    def _watch(
        self,
        payments: Events,
        transaction_ids: Sequence[str],
        features: NDArray[np.float32],
        score: NDArray[np.float64],
        rows: NDArray[np.int64],
    ) -> list[tuple[int, RingChange]]:
        changes = []
        for row in rows.tolist():
            suspect = Suspect(
                transaction_id=transaction_ids[row],
                time=int(payments.time[row]),
                score=float(score[row]),
                amount=float(payments.amount[row]),
                account=payments.account[row],
                touches=_touches(payments, row, features[row]),
            )
            change = self.rings.observe(suspect)
            if change is not None:
                changes.append((row, change))
        return changes


def _touches(payments: Events, row: int, features: NDArray[np.float32]) -> tuple[tuple[Tie, float], ...]:
    touched = []
    device, address = payments.device[row], payments.ip[row]
    if device is not None:
        touched.append((Tie(TieKind.DEVICE, device), float(features[DEVICE_USERS])))
    if address is not None:
        touched.append((Tie(TieKind.IP, address), float(features[IP_USERS])))
    ever, recent = float(features[TARGET_USERS]), float(features[TARGET_RECENT])
    if payments.is_transfer[row]:
        touched.append((Tie(TieKind.ACCOUNT, payments.target[row]), ever))
    else:
        users = recent if recent < SATURATED else max(ever, recent)
        touched.append((Tie(TieKind.MERCHANT, payments.target[row]), users))
    return tuple(touched)
