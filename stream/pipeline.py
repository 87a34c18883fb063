"""The one path from events to decisions: observe, score, explain. Shells feed it and keep what it says."""

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
from graph.rings import RingPolicy, Suspect, Tie, TieKind
from models.scorer import Scorer, Scores
from models.thresholds import APPROVE
from stream.suspicion import Suspicion

__all__ = ["Pipeline", "Step"]

SATURATED = 90.0
"""Estimated distinct payers from which the 32-bit sketch tells no more; the exact degree stands in."""

DEVICE_USERS = FEATURE_NAMES.index("device_degree")
IP_USERS = FEATURE_NAMES.index("ip_degree")
TARGET_USERS = FEATURE_NAMES.index("target_degree")
TARGET_RECENT = FEATURE_NAMES.index("target_distinct_30d")


@dataclass(frozen=True, slots=True)
class Step:
    """What the pipeline says of one micro-batch; row i is the i-th transaction that was to be scored."""

    events: Events
    """The scored transactions alone, labels left out."""
    observation: Observation
    scores: Scores
    explained: dict[int, tuple[Reason, ...]]
    """Reasons of the rows that are not approved."""
    suspicions: list[Suspicion]
    """The rows that are not approved, in order, for the ring desk."""


class Pipeline:
    """Graph and scorer in step; not thread-safe, one writer of state."""

    def __init__(self, graph: OnlineGraph, scorer: Scorer, policy: RingPolicy | None = None) -> None:
        self.graph = graph
        self.scorer = scorer
        thresholds = scorer.thresholds
        least = (policy or RingPolicy()).least_suspicion
        self.suspect_from = max(thresholds.review, min(least, thresholds.block))
        """Score from which a transaction leaves marks for ring detection."""

    def warm(self, events: Events) -> None:
        """Take in history or what others score: state moves, nothing is scored."""
        self.graph.observe(events, neighbourhoods=False)

    def process(
        self,
        events: Events,
        transaction_ids: Sequence[str],
        scored: NDArray[np.int64] | None = None,
    ) -> Step:
        """Take in a micro-batch, labels included, and decide its transactions in order.

        ``transaction_ids`` names the transactions alone, in their order; ``scored`` picks those of them to decide
        (numbers among the transactions, ascending; default all), the others only move the state.
        """
        observation = self.graph.observe(events)
        payments = events.transactions()
        if scored is not None and len(scored) < len(payments):
            observation, payments = observation.take(scored), payments.take(scored)
            transaction_ids = [transaction_ids[row] for row in scored.tolist()]
        scores = self.scorer.score(observation)
        flagged = np.flatnonzero(scores.decision != APPROVE).tolist()
        reasons = self.scorer.explain(scores, flagged) if flagged else []
        explained = dict(zip(flagged, reasons, strict=True))
        suspicions = [
            Suspicion(
                suspect=_suspect(payments, row, transaction_ids[row], float(scores.score[row]), observation),
                reasons=explained[row],
                marks=bool(scores.score[row] >= self.suspect_from),
            )
            for row in flagged
        ]
        return Step(payments, observation, scores, explained, suspicions)


def _suspect(payments: Events, row: int, transaction_id: str, score: float, seen: Observation) -> Suspect:
    return Suspect(
        transaction_id=transaction_id,
        time=int(payments.time[row]),
        score=score,
        amount=float(payments.amount[row]),
        account=payments.account[row],
        touches=_touches(payments, row, seen.features[row]),
    )


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
