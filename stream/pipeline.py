"""The one path from events to decisions: observe, score, explain. Shells feed it and keep what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.decision import Reason
from graph.events import Events
from graph.observation import Observation
from graph.online import OnlineGraph
from graph.suspect_rows import suspect_of
from models.finding_reasons import finding_reasons
from models.scorer import Scorer, Scores
from models.thresholds import APPROVE
from stream.suspicion import Suspicion

__all__ = ["Pipeline", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """What the pipeline says of one micro-batch; row i is the i-th transaction that was to be scored."""

    events: Events
    """The scored transactions alone, labels left out."""
    observation: Observation
    scores: Scores
    explained: dict[int, tuple[Reason, ...]]
    """Reasons of the rows that are not approved: of the score, then what the graph's detectors found."""
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
        scores = scorer.score(observation)
        flagged = np.flatnonzero(scores.decision != APPROVE).tolist()
        reasons = scorer.explain(scores, flagged) if flagged else []
        evidence = scorer.ring_evidence(observation.features, scores)
        suspected = sorted({*flagged, *evidence})
        findings = {row: observation.findings(row) for row in suspected}
        explained = {
            row: why + finding_reasons(findings[row]) for row, why in zip(flagged, reasons, strict=True)
        }
        suspicions = [
            Suspicion(
                suspect=suspect_of(
                    payments, row, transaction_ids[row], observation.features[row],
                    float(scores.score[row]), evidence.get(row),
                ),
                reasons=explained.get(row, ()),
                marks=row in evidence,
                alerts=row in explained,
                findings=findings[row],
            )
            for row in suspected
        ]  # fmt: skip
        return Step(payments, observation, scores, explained, scorer, suspected, suspicions)
