"""What each feature adds to a margin: path-dependent SHAP values of the booster, a fraction of a millisecond a row.

Shapley values of a decision tree as Lundberg et al. 2020 define them ("From local explanations to global
understanding with explainable AI for trees"): a feature that is left out goes both ways, by the share of the training
weight that went each way. XGBoost says the same by ``pred_contribs`` and takes some five times as long.

Along the path to a leaf of value v let feature i hold (o = 1) or not (o = 0), and let z be the share of the weight that
went the leaf's way at its splits. The leaf adds v · (oᵢ - zᵢ) · ∫₀¹ Πⱼ≠ᵢ (zⱼ(1 - t) + oⱼt) dt to feature i: the
Shapley weight s!(m - 1 - s)!/m! of a subset of s out of m features is the integral of tˢ(1 - t)ᵐ⁻¹⁻ˢ. The integrand
is a polynomial, so that Gauss-Legendre points give the integral exactly, and products of factors are shared by all
leaves below a node (the observation of Yu et al. 2022, "Linear TreeShap"): down the tree the product grows by one
factor an edge, back up the sums of leaves are gathered, and each edge adds its part to its feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.errors import ArtefactError
from models.booster import bounded
from models.trees import check_rows, depth_of, plain_trees

__all__ = ["TreeShap"]

POINTS = 4
"""Points of the integral that are worked on side by side: exact for eight features on a path, twice that a block."""
LEAST_SHARE = 1e-9
"""A way that no training weight went."""
PROBES = 16
TOLERANCE = 1e-4
"""Against XGBoost, which sums in single precision; of the margin's own size."""

OTHERS_FAIL, FAILS, HOLDS = 0, 1, 2
"""Of an edge: an earlier split by its feature goes another way; this one does; none does."""


@dataclass(frozen=True, slots=True)
class TreeShap:
    """T trees with N nodes in all, each tree's in preorder, parents and earlier splits as places within the tree."""

    starts: NDArray[np.int64]
    """[T + 1] where each tree begins."""
    parent: NDArray[np.int32]
    """[N]"""
    earlier: NDArray[np.int32]
    """[N] nearest node above whose edge is of the same feature as this node's; 0, the root, where there is none."""
    feature: NDArray[np.int32]
    """[N] that the node splits on; -1 for a leaf."""
    threshold: NDArray[np.float32]
    """[N] below it a row goes left."""
    missing_right: NDArray[np.bool_]
    """[N]"""
    is_right: NDArray[np.bool_]
    """[N] whether the node is its parent's right child."""
    value: NDArray[np.float64]
    """[N] of a leaf; 0 for a split."""
    factor: NDArray[np.float64]
    """[B, N, 3, POINTS] what the edge from the parent multiplies the product with, by how the edge holds."""
    part: NDArray[np.float64]
    """[B, N, 3, POINTS] the weight that the edge gives its feature of the sums below it."""
    feature_count: int

    @classmethod
    def from_booster(cls, booster: xgboost.Booster) -> Self:
        """Lay the trees out and compare with XGBoost on probe rows.

        Raises ArtefactError for a booster of another kind (not a plain numeric binary one), or one whose SHAP values
        come out differently.
        """
        learner, trees = plain_trees(booster)
        walks = [_Walk(tree) for tree in trees]
        deepest = max(depth_of(tree) for tree in trees)
        points, weights = _points(-(-max(deepest, 1) // (2 * POINTS)))
        tables = [walk.tables(points, weights) for walk in walks]
        made = cls(
            np.cumsum([0, *(len(walk.order) for walk in walks)]),
            np.concatenate([walk.parent for walk in walks]),
            np.concatenate([walk.earlier for walk in walks]),
            np.concatenate([walk.feature for walk in walks]),
            np.concatenate([walk.threshold for walk in walks]),
            np.concatenate([walk.missing_right for walk in walks]),
            np.concatenate([walk.is_right for walk in walks]),
            np.concatenate([walk.value for walk in walks]),
            np.concatenate([factor for factor, _ in tables], axis=1),
            np.concatenate([part for _, part in tables], axis=1),
            int(learner["learner_model_param"]["num_feature"]),
        )
        made._check_against(booster)
        return made

    def contributions(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """SHAP values [n, F] of rows ``X`` [n, F], in log-odds; each row's depend on itself alone. NaN is missing."""
        check_rows(X, self.feature_count)
        out = np.zeros(X.shape, np.float64)
        _contributions(
            bounded(X),
            self.starts,
            self.parent,
            self.earlier,
            self.feature,
            self.threshold,
            self.missing_right,
            self.is_right,
            self.value,
            self.factor,
            self.part,
            out,
        )
        return out

    def _check_against(self, booster: xgboost.Booster) -> None:
        random = np.random.default_rng(0)
        X = random.normal(0.0, 1.0, (PROBES, self.feature_count)).astype(np.float32)
        # Near thresholds, where rows of this model differ.
        splits = np.flatnonzero(self.feature >= 0)
        for row in X if len(splits) else ():
            some = random.choice(splits, self.feature_count)
            row[self.feature[some]] = self.threshold[some]
        X[random.random(X.shape) < 0.2] = np.nan
        theirs = booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True, validate_features=False)
        scale = max(1.0, float(np.abs(theirs).max()))
        if not np.allclose(self.contributions(X), theirs[:, :-1], rtol=0, atol=TOLERANCE * scale):
            raise ArtefactError(
                f"booster: SHAP values differ from those of XGBoost {xgboost.__version__}; "
                "install the version that the artefact's manifest names"
            )


class _Walk:
    """One tree's nodes in preorder."""

    def __init__(self, tree: dict[str, Any]) -> None:
        left, right = tree["left_children"], tree["right_children"]
        weight, splits = tree["sum_hessian"], tree["split_indices"]
        self.order: list[int] = []
        parent, is_right, earlier = [], [], []
        share: list[float] = []
        waiting: list[tuple[int, int, bool, dict[int, int]]] = [(0, 0, False, {})]
        while waiting:
            node, above, goes_right, seen = waiting.pop()
            place = len(self.order)
            self.order.append(node)
            parent.append(above)
            is_right.append(goes_right)
            if place:
                by = splits[self.order[above]]
                before, whole = seen.get(by, 0), weight[self.order[above]]
                earlier.append(before)
                own = max(weight[node] / whole if whole > 0 else 0.0, LEAST_SHARE)
                share.append(own * share[before])
                seen = {**seen, by: place}
            else:
                earlier.append(0)
                share.append(1.0)
            if left[node] >= 0:
                waiting += [(right[node], place, True, seen), (left[node], place, False, seen)]
        order = np.array(self.order)
        is_leaf = np.array(left)[order] < 0
        condition = np.array(tree["split_conditions"], np.float32)[order]
        self.share = np.array(share)
        """z of the edge to the node, with the earlier ones of its feature."""
        self.parent = np.array(parent, np.int32)
        self.earlier = np.array(earlier, np.int32)
        self.is_right = np.array(is_right, np.bool_)
        self.feature = np.where(is_leaf, -1, np.array(splits)[order]).astype(np.int32)
        self.threshold = np.where(is_leaf, np.float32(0), condition)
        self.missing_right = np.array(tree["default_left"])[order] == 0
        self.value = np.where(is_leaf, condition, np.float32(0)).astype(np.float64)

    def tables(
        self, points: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``factor`` and ``part`` of the tree, [B, nodes, 3, POINTS], at ``points`` [B, POINTS] of the integral."""
        first = (self.earlier == 0)[:, None]
        holds = np.array([how == HOLDS for how in (OTHERS_FAIL, FAILS, HOLDS)], np.float64)
        held = np.where(first, 1.0, [how != OTHERS_FAIL for how in (OTHERS_FAIL, FAILS, HOLDS)])
        was = np.where(first, 1.0, self.share[self.earlier][:, None])
        now_term, now_slope = _term(self.share[:, None], holds, points)
        was_term, was_slope = _term(was, held, points)
        part = weights[:, None, None, :] * (now_slope / now_term - was_slope / was_term)
        return now_term / was_term, part


def _term(
    share: NDArray[np.float64], holds: NDArray[np.float64], points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """z(1 - t) + ot of nodes by how they hold, [B, nodes, 3, POINTS], and o - z, [nodes, 3, 1]."""
    at, share, holds = points[:, None, None, :], share[..., None], holds[..., None]
    return share * (1.0 - at) + holds * at, holds - share


def _points(blocks: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre points and weights on [0, 1], each [blocks, POINTS]."""
    points, weights = np.polynomial.legendre.leggauss(blocks * POINTS)
    return (0.5 * (points + 1.0)).reshape(blocks, POINTS), (0.5 * weights).reshape(blocks, POINTS)


@kernel
def _contributions(
    X: NDArray[np.float32],
    starts: NDArray[np.int64],
    parent: NDArray[np.int32],
    earlier: NDArray[np.int32],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float32],
    missing_right: NDArray[np.bool_],
    is_right: NDArray[np.bool_],
    value: NDArray[np.float64],
    factor: NDArray[np.float64],
    part: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    largest = 0
    for tree in range(len(starts) - 1):
        largest = max(largest, starts[tree + 1] - starts[tree])
    product = np.empty((largest, POINTS), np.float64)
    below = np.empty((largest, POINTS), np.float64)
    how = np.empty(largest, np.int64)
    goes_right = np.empty(largest, np.bool_)
    how[0] = HOLDS
    # A tree for all rows before the next: its nodes stay in the nearest memory.
    for tree in range(len(starts) - 1):
        first = starts[tree]
        count = starts[tree + 1] - first
        for row in range(X.shape[0]):
            for place in range(count):
                at = first + place
                if feature[at] >= 0:
                    x = X[row, feature[at]]
                    goes_right[place] = missing_right[at] if np.isnan(x) else x >= threshold[at]
                if place:
                    if how[earlier[at]] != HOLDS:
                        how[place] = OTHERS_FAIL
                    else:
                        how[place] = HOLDS if goes_right[parent[at]] == is_right[at] else FAILS
            for block in range(factor.shape[0]):
                for q in range(POINTS):
                    product[0, q] = 1.0
                    below[0, q] = 0.0
                for place in range(1, count):
                    at = first + place
                    grown = factor[block, at, how[place]]
                    for q in range(POINTS):
                        product[place, q] = product[parent[at], q] * grown[q]
                        below[place, q] = product[place, q] * value[at]
                for place in range(count - 1, 0, -1):
                    at = first + place
                    up = parent[at]
                    weight = part[block, at, how[place]]
                    said = 0.0
                    for q in range(POINTS):
                        said += weight[q] * below[place, q]
                        below[up, q] += below[place, q]
                    out[row, feature[first + up]] += said
