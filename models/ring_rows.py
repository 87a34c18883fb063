"""Which payments look like a ring's: a second booster, for the few rows that the ring desk may be told of.

The booster that decides about payments asks whether one is a fraud. Most frauds are single thieves', so its score says
little of rings. This one learns from the confirmed frauds that investigators put to a ring (``ring_id``) against all
other payments whose outcome is known, single thieves' frauds included. It sees the features of the online graph and
nothing else, and looks at a payment only where the first booster's score is among the higher ones. Of those features it
does not see what the ring desk said before: a desk that hears its own word would believe itself. It may go on from a
booster that has seen more rings than one history holds (``models.row_prior``).
"""

from __future__ import annotations

import numpy as np
import xgboost
from numpy.typing import NDArray

from graph.features import RING_NAMES
from models.booster import BoosterConfig, fit_booster, margin_of
from models.trees import TreeKernel

__all__ = ["FURTHER", "LOOK_SHARE", "RING_ROWS", "RingRows", "blind", "fit_ring_rows", "ring_probability"]

RING_ROWS = BoosterConfig(trees=120, depth=6, eta=0.1, colsample_bytree=0.3, max_bin=128)
FURTHER = RING_ROWS.model_copy(update={"trees": 40, "eta": 0.05})
"""For rows that go on from others: few steps, and short ones."""
LOOK_SHARE = 0.2
"""Of payments, those with the highest scores, that are looked at: nearly all that a ring makes are among them."""


class RingRows:
    """The booster, ready to serve; holds no state."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster
        self._trees = TreeKernel.from_booster(booster)

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probability [n] that each payment of ``features`` [n, F] is a ring's fraud; each from its own row alone."""
        return _logistic(self._trees.margin(np.ascontiguousarray(features)))


def fit_ring_rows(
    features: NDArray[np.float32],
    is_ring: NDArray[np.int8],
    names: tuple[str, ...],
    seed: int,
    threads: int | None = None,
    start: xgboost.Booster | None = None,
) -> xgboost.Booster:
    """Fit on rows ``features`` [n, F] whose outcome is known; ``is_ring`` [n] is 1 for a confirmed fraud of a ring.

    It goes on from ``start`` where that is given. By all processors unless ``threads`` are given; another number of
    them may give other trees.
    """
    config = RING_ROWS if start is None else FURTHER
    return fit_booster(
        blind(features, names), is_ring, names, config, seed=seed, threads=threads, start=start
    )


def blind(features: NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
    """A copy [n, F] in which nothing says what the ring desk said."""
    seen = features.copy()
    seen[:, [column for column, name in enumerate(names) if name in RING_NAMES]] = 0.0
    return seen


def ring_probability(booster: xgboost.Booster, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """What ``RingRows.score`` says, by XGBoost itself: for many rows at once."""
    return _logistic(margin_of(booster, features))


def _logistic(margin: NDArray[np.float32]) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-margin.astype(np.float64)))
    return probability
