"""Percentile bootstrap over blocks of rows that belong together (Efron & Tibshirani 1993).

Payments of one account are not independent, so whole accounts are drawn, or whole days for figures made day by day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = ["Bootstrap", "Estimate", "estimate_of_days"]


class Estimate(BaseModel):
    """A figure and its interval; None where it is not defined (no frauds, say)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    low: float | None = None
    high: float | None = None


class Bootstrap:
    """Draws blocks with replacement; the same seed draws the same blocks for every figure."""

    def __init__(self, block: NDArray[Any], rounds: int, seed: int, level: float = 0.95) -> None:
        names, self._number = np.unique(block, return_inverse=True)
        self._blocks = len(names)
        self._rounds = rounds
        self._seed = seed
        self._level = level

    def estimate(self, figure: Callable[[NDArray[np.float64] | None], float | None]) -> Estimate:
        """Interval of a figure that takes weights [n], or None for all rows once."""
        return _estimate(figure(None), [figure(drawn[self._number]) for drawn in self._draws()], self._level)

    def ratio(self, part: NDArray[Any], whole: NDArray[Any]) -> Estimate:
        """Interval of ``sum(part) / sum(whole)``, both [n]."""
        parts = np.bincount(self._number, weights=part, minlength=self._blocks)
        wholes = np.bincount(self._number, weights=whole, minlength=self._blocks)
        drawn = [_quotient(float(times @ parts), float(times @ wholes)) for times in self._draws()]
        return _estimate(_quotient(float(parts.sum()), float(wholes.sum())), drawn, self._level)

    def _draws(self) -> Iterator[NDArray[np.float64]]:
        """How often each block is drawn, for each round."""
        random = np.random.default_rng(self._seed)
        for _ in range(self._rounds):
            picks = random.integers(0, self._blocks, self._blocks)
            yield np.bincount(picks, minlength=self._blocks).astype(np.float64)


def estimate_of_days(daily: NDArray[np.float64], rounds: int, seed: int, level: float = 0.95) -> Estimate:
    """Mean over days and its interval when days are drawn anew."""
    random = np.random.default_rng(seed)
    means = daily[random.integers(0, len(daily), (rounds, len(daily)))].mean(axis=1)
    return _estimate(float(daily.mean()), means.tolist(), level)


def _estimate(value: float | None, drawn: list[float | None], level: float) -> Estimate:
    known = [figure for figure in drawn if figure is not None]
    if value is None or not known:
        return Estimate(value=value)
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return Estimate(value=value, low=float(low), high=float(high))


def _quotient(part: float, whole: float) -> float | None:
    return part / whole if whole else None
