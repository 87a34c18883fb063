"""What other thresholds would have meant on scored days: work for the analysts, frauds caught, money."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.settings import CostSettings
from models.metrics import CalibrationBin
from models.ranking import precision_at_k

__all__ = ["BIN_EDGES", "Outlook", "WhatIf"]

BIN_EDGES = np.array([0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
"""Finer where the scores of rare events lie; those of ``models.evaluate``."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a pair of thresholds means over the days; an alert is a review or a block."""

    reviews: int
    blocks: int
    alerts_a_day: float
    most_on_a_day: int
    days_over_capacity: int
    precision: float | None
    """Share of the alerts that are known frauds; None without alerts."""
    recall: float | None
    """Share of the known frauds that are alerts; None without frauds."""
    expected_saving: float
    """By the probabilities: amounts recovered less the costs of reviews and of false blocks."""
    realised_saving: float
    """The same by the labels known by now; later reports of fraud raise it."""
    honest_blocked: int
    """Blocks that nobody has reported as fraud."""


class WhatIf:
    """Days of scores [n], amounts [n], day numbers [n] and known frauds [n], weighed again and again."""

    def __init__(
        self,
        score: NDArray[np.float64],
        amount: NDArray[np.float64],
        day: NDArray[np.int64],
        fraud: NDArray[np.bool_],
        costs: CostSettings,
    ) -> None:
        self._order = np.argsort(-score, kind="stable")
        self._score = score[self._order]
        self._amount = amount[self._order]
        self._fraud = fraud[self._order]
        self.days, self._day = np.unique(day[self._order], return_inverse=True)
        self._costs = costs

    def __len__(self) -> int:
        return len(self._score)

    def at(self, review: float, block: float, capacity: float) -> Outlook:
        """The outlook of thresholds, review at or below block, for a daily capacity of alerts."""
        # Scores fall, so each threshold is a place: what reaches it comes before.
        alerts = int(np.searchsorted(-self._score, -review, side="right"))
        blocks = min(int(np.searchsorted(-self._score, -block, side="right")), alerts)
        each_day = np.bincount(self._day[:alerts], minlength=max(len(self.days), 1))
        fraud = self._fraud[:alerts]
        caught, frauds = int(fraud.sum()), int(self._fraud.sum())
        return Outlook(
            reviews=alerts - blocks,
            blocks=blocks,
            alerts_a_day=float(each_day.mean()),
            most_on_a_day=int(each_day.max()),
            days_over_capacity=int((each_day > capacity).sum()),
            precision=caught / alerts if alerts else None,
            recall=caught / frauds if frauds else None,
            expected_saving=self._saving(self._score[:alerts], alerts, blocks),
            realised_saving=self._saving(fraud.astype(np.float64), alerts, blocks),
            honest_blocked=int((~fraud[:blocks]).sum()),
        )

    def review_for(self, capacity: int) -> float:
        """The least review threshold that leaves at most ``capacity`` alerts on every day; 1 where none does."""
        cut = 0.0
        for number in range(len(self.days)):
            today = self._score[self._day == number]
            if len(today) > capacity:
                cut = max(cut, float(np.nextafter(today[max(capacity, 0)], np.inf)))
        return min(cut, 1.0)

    def precision_at(self, capacity: int) -> NDArray[np.float64]:
        """For each day in order, known frauds among its ``capacity`` highest scores over ``capacity``."""
        return precision_at_k(self._score, self._fraud, self._day, capacity)

    def calibration(self) -> list[CalibrationBin]:
        """Mean score and share of known frauds by score, bins without payments left out."""
        number = np.clip(np.searchsorted(BIN_EDGES, self._score, side="right") - 1, 0, len(BIN_EDGES) - 2)
        size = np.bincount(number, minlength=len(BIN_EDGES) - 1)
        scores = np.bincount(number, weights=self._score, minlength=len(size))
        frauds = np.bincount(number, weights=self._fraud, minlength=len(size))
        return [
            CalibrationBin(
                low=float(BIN_EDGES[i]),
                high=float(BIN_EDGES[i + 1]),
                payments=int(size[i]),
                mean_score=float(scores[i] / size[i]),
                fraud_share=float(frauds[i] / size[i]),
            )
            for i in np.flatnonzero(size)
        ]

    def _saving(self, fraud: NDArray[np.float64], alerts: int, blocks: int) -> float:
        kept = float((fraud * self._amount[:alerts]).sum()) * self._costs.recovery_rate
        false_blocks = float((1.0 - fraud[:blocks]).sum()) * self._costs.false_positive_cost
        return kept - false_blocks - (alerts - blocks) * self._costs.review_cost
