"""How well scores order payments: average precision, AUC, and precision within a day's fixed number of alerts.

Card precision follows chapter 4 of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot & Bontempi 2022).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranking", "card_precision_at_k", "precision_at_k", "within_daily_budget"]


class Ranking:
    """Scores [n] against labels [n] in {0, 1}, sorted once so that many weightings of the rows are cheap.

    Equal scores are one step, as scikit-learn has it: their order never matters.
    """

    def __init__(self, score: NDArray[np.float64], y: NDArray[Any]) -> None:
        self.order = np.argsort(-score, kind="stable")
        """Rows from the highest score down; weights are given in the rows' own order."""
        ranked = score[self.order]
        self._last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        self._fraud = y[self.order] > 0

    def average_precision(self, weight: NDArray[np.float64] | None = None) -> float | None:
        """Sum of precision times the gain in recall; None without frauds."""
        frauds, rest = self._steps(weight)
        if frauds[-1] == 0:
            return None
        taken = np.maximum(frauds + rest, np.finfo(np.float64).tiny)
        return float(np.sum(frauds / taken * np.diff(frauds, prepend=0.0)) / frauds[-1])

    def auc(self, weight: NDArray[np.float64] | None = None) -> float | None:
        """Chance that a fraud scores above a genuine payment, ties counting half; None without both classes."""
        frauds, rest = self._steps(weight)
        if frauds[-1] == 0 or rest[-1] == 0:
            return None
        below = rest[-1] - rest + np.diff(rest, prepend=0.0) / 2.0
        return float(np.sum(np.diff(frauds, prepend=0.0) * below) / (frauds[-1] * rest[-1]))

    def curve(self, most: int = 200) -> list[tuple[float, float, float]]:
        """At most ``most`` points (score rank share, recall, precision), evenly spread over recall."""
        frauds, rest = self._steps(None)
        if frauds[-1] == 0:
            return []
        recall, precision = frauds / frauds[-1], frauds / (frauds + rest)
        picks = np.unique(np.searchsorted(recall, np.linspace(0.0, 1.0, most), side="left"))
        share = (frauds + rest) / (frauds[-1] + rest[-1])
        return [(float(share[i]), float(recall[i]), float(precision[i])) for i in picks]

    def _steps(self, weight: NDArray[np.float64] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frauds and genuine payments at or above each distinct score, highest first."""
        ranked = np.ones(len(self.order)) if weight is None else weight[self.order]
        frauds: NDArray[np.float64] = np.cumsum(np.where(self._fraud, ranked, 0.0))[self._last]
        rest: NDArray[np.float64] = np.cumsum(np.where(self._fraud, 0.0, ranked))[self._last]
        return frauds, rest


def within_daily_budget(score: NDArray[np.float64], day: NDArray[np.int64], budget: int) -> NDArray[np.bool_]:
    """Which rows are among the ``budget`` highest scores of their day; of equal scores the earlier row is taken."""
    order = np.lexsort((-score, day))
    days = day[order]
    first = np.append(0, np.flatnonzero(days[1:] != days[:-1]) + 1)
    start = np.repeat(first, np.diff(np.append(first, len(days))))
    taken = np.zeros(len(score), np.bool_)
    taken[order[np.arange(len(order)) - start < budget]] = True
    return taken


def precision_at_k(
    score: NDArray[np.float64], y: NDArray[Any], day: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """For each day in order, frauds among its ``k`` highest scores over ``k``."""
    taken = within_daily_budget(score, day, k)
    days, number = np.unique(day, return_inverse=True)
    return np.bincount(number, weights=taken & (y > 0), minlength=len(days)) / k


def card_precision_at_k(
    score: NDArray[np.float64], y: NDArray[Any], day: NDArray[np.int64], card: NDArray[Any], k: int
) -> NDArray[np.float64]:
    """The Handbook's card precision for each day in order; its mean over the days is the published figure.

    A card's score is its highest of the day, and it is compromised when any of its payments that day is a fraud. The
    ``k`` highest cards are checked: the compromised among them over ``k``, however few cards there were. Compromised
    cards that were found drop out of all later days. Of equal scores the card first in sorted order is taken.
    """
    cards, number = np.unique(card, return_inverse=True)
    found = np.zeros(len(cards), np.bool_)
    precision: list[float] = []
    for today in np.unique(day):
        rows = np.flatnonzero((day == today) & ~found[number])
        highest = np.full(len(cards), -np.inf)
        np.maximum.at(highest, number[rows], score[rows])
        compromised = np.zeros(len(cards), np.bool_)
        compromised[number[rows[y[rows] > 0]]] = True
        checked = np.argsort(-highest, kind="stable")[:k]
        checked = checked[highest[checked] > -np.inf]
        detected = checked[compromised[checked]]
        found[detected] = True
        precision.append(len(detected) / k)
    return np.array(precision)
