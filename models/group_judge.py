"""How probable it is that a group of accounts is a ring: boosted trees over the group's figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.errors import ArtefactError
from graph.ring_figures import FIGURES
from models.booster import bounded
from models.ring_rules import RingRules
from models.trees import TreeKernel

__all__ = ["GroupJudge", "fit_groups"]

ROUNDS = 120
SETTINGS = {
    "objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "subsample": 0.7, "colsample_bytree": 0.4,
    "num_parallel_tree": 6, "min_child_weight": 1.5, "lambda": 3.0, "base_score": 0.5, "tree_method": "hist",
    "nthread": 1,
}  # fmt: skip
"""For some thousand groups, a third of them rings: each round is a mean of six trees, since one alone moves with the
seed. One thread, so that the same groups give the same trees."""


class GroupJudge:
    """A ``graph.ring_judge.RingJudge`` made of trees; holds no state."""

    def __init__(self, booster: xgboost.Booster, rules: RingRules) -> None:
        """Raises ArtefactError where the trees are of other figures than groups have now."""
        if tuple(booster.feature_names or ()) != FIGURES:
            raise ArtefactError(
                "ring judge: learned on other figures than groups have now; train the model again"
            )
        self.booster = booster
        self._rules = rules
        self._trees = TreeKernel.from_booster(booster)

    @property
    def report_from(self) -> float:
        """Score from which a ring is reported."""
        return self._rules.report_from

    @property
    def base_rate(self) -> float:
        """Share of ring frauds in all payments."""
        return self._rules.base_rate

    def score(self, figures: Sequence[float]) -> float:
        """Probability that a group with these figures is a ring."""
        margin = float(self._trees.margin(np.array([figures], dtype=np.float32))[0])
        return float(1.0 / (1.0 + np.exp(-margin)))


def fit_groups(
    figures: NDArray[np.float32], is_ring: NDArray[np.int8], weight: NDArray[np.float32], seed: int
) -> xgboost.Booster:
    """Fit on ``figures`` [n, F], outcomes [n] and weights [n] of groups; both outcomes must be there."""
    matrix = xgboost.DMatrix(bounded(figures), label=is_ring, weight=weight, feature_names=list(FIGURES))
    return xgboost.train({**SETTINGS, "seed": seed}, matrix, num_boost_round=ROUNDS)
