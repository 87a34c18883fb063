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
from graph.suspects import Suspect, Tie, TieKind
from models.scorer import Scorer, Scores
from models.thresholds import APPROVE
from stream.suspicion import Suspicion

__all__ = ["Pipeline", "Step"]

SATURATED = 90.0
"""Estimated distinct payers from which the 32-bit sketch tells no more; the exact degree stands in."""

DEVICE_USERS = FEATURE_NAMES.index("device_degree")
IP_USERS = FEATURE_NAMES.index("ip_degree")
TARGET_USERS = FEATURE_NAMES.index("target_degree")
NEW_DEVICE = FEATURE_NAMES.index("account_device_is_new")
TARGET_RECENT = FEATURE_NAMES.index("target_distinct_30d")
PAYERS_RECENT = FEATURE_NAMES.index("target_distinct_7d")
"""Of a receiver of transfers: what ties its payers is a campaign of days, whoever paid it in the months before."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the pipeline says of one micro-batch; row i is the i-th transaction that was to be scored."""

    events: Events
    """The scored transactions alone, labels left out."""
    observation: Observation
    scores: Scores
    explained: dict[int, tuple[Reason, ...]]
    """Reasons of the rows that are not approved."""
    scorer: Scorer
    """What scored them, by the thresholds of that moment."""
    suspected: list[int]
    """Rows that the ring desk is told of: all that are not approved, and those that are evidence for rings."""
    suspicions: list[Suspicion]
    """One for each of them."""


class Pipeline:
    """Graph and scorer in step; not thread-safe, one writer of state."""

    def __init__(self, graph: OnlineGraph, scorer: Scorer) -> None:
        self.graph = graph
        self.scorer = scorer
        """What scores from the next batch on; it may be replaced between two."""

    def warm(self, events: Events) -> None:
        """Take in history or what others score: state moves, nothing is scored."""
        self.graph.observe(events, neighbourhoods=False)

    def look(self, events: Events) -> list[float]:
        """The score that each of these payments would get if it came now, alone; the state stays as it is."""
        scores: list[float] = self.scorer.score(self.graph.preview(events)).score.tolist()
        return scores

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
        scorer = self.scorer
        suspect_from = scorer.thresholds.suspect
        scores = scorer.score(observation)
        flagged = np.flatnonzero(scores.decision != APPROVE).tolist()
        reasons = scorer.explain(scores, flagged) if flagged else []
        explained = dict(zip(flagged, reasons, strict=True))
        suspected = np.flatnonzero((scores.decision != APPROVE) | (scores.score >= suspect_from)).tolist()
        suspicions = [
            Suspicion(
                suspect=_suspect(payments, row, transaction_ids[row], float(scores.score[row]), observation),
                reasons=explained.get(row, ()),
                marks=bool(scores.score[row] >= suspect_from),
                alerts=row in explained,
                findings=observation.found.findings(row),
            )
            for row in suspected
        ]
        return Step(payments, observation, scores, explained, scorer, suspected, suspicions)


def _suspect(payments: Events, row: int, transaction_id: str, score: float, seen: Observation) -> Suspect:
    return Suspect(
        transaction_id=transaction_id,
        time=int(payments.time[row]),
        score=score,
        amount=float(payments.amount[row]),
        account=payments.account[row],
        touches=_touches(payments, row, seen.features[row]),
        new_device=bool(seen.features[row, NEW_DEVICE] == 1.0),
    )


def _touches(payments: Events, row: int, features: NDArray[np.float32]) -> tuple[tuple[Tie, float], ...]:
    touched = []
    device, address = payments.device[row], payments.ip[row]
    if device is not None:
        touched.append((Tie(TieKind.DEVICE, device), float(features[DEVICE_USERS])))
    if address is not None:
        touched.append((Tie(TieKind.IP, address), float(features[IP_USERS])))
    if payments.is_transfer[row]:
        touched.append((Tie(TieKind.ACCOUNT, payments.target[row]), float(features[PAYERS_RECENT])))
    else:
        ever, recent = float(features[TARGET_USERS]), float(features[TARGET_RECENT])
        users = recent if recent < SATURATED else max(ever, recent)
        touched.append((Tie(TieKind.MERCHANT, payments.target[row]), users))
    return tuple(touched)
