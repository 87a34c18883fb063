"""The booster's trees laid out by hand for scoring; margins equal XGBoost's bit for bit at any batch size.

Every tree is padded to a complete binary tree of the forest's depth, so a descent is arithmetic on one number
(``i → 2i`` or ``2i + 1``) with neither child pointers nor a branch. A node is one 64-bit word: the threshold as an
integer that sorts as the float does, over a slot number. A slot is a feature together with the way a missing value
goes; rows are turned into slots first, a missing value becoming the least or the greatest integer, so that the descent
needs no test for it. Leaves are added in the order of the trees, as XGBoost does, hence the equality.

Sixteen descents run side by side to hide the latency of memory: sixteen rows through one tree in large batches,
sixteen trees for one row otherwise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.errors import ArtefactError, InputError
from models.booster import LARGEST, margin_of

__all__ = ["TreeKernel", "check_rows", "depth_of", "forest_margin", "plain_trees"]

LANES = 16
FEWEST_ROWS = 6
"""From so many rows on, filling the lanes with rows beats filling them with trees."""
DEEPEST = 10
"""Padding doubles the memory with each level."""
PROBES = 64

_LEAST = np.int32(-(2**31))
_GREATEST = np.int32(2**31 - 1)
_MAGNITUDE = np.int32(2**31 - 1)
_INFINITY = np.int32(np.float32(np.inf).view(np.int32))
"""Bits of a magnitude; those above it are NaN."""
_BOUND = np.int32(LARGEST.view(np.int32))
_SLOT_MASK = np.int64(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class TreeKernel:
    """T trees of depth D over F features, through S slots.

    The arrays are those of ``forest_margin``, so that the scorer can call it inside its own kernel.
    """

    nodes: NDArray[np.int64]
    """[T, 2^D] node i of a tree at position i, the root at 1: sortable threshold << 32 | slot."""
    leaves: NDArray[np.float32]
    """[T, 2^D] leaf values, left to right."""
    slots: NDArray[np.int32]
    """[S] feature · 2 + (1 where a missing value goes left)."""
    base: np.float32
    """Margin before the first tree."""
    feature_count: int

    @classmethod
    def from_booster(cls, booster: xgboost.Booster) -> Self:
        """Lay the trees out and check the result against XGBoost on probe rows.

        Raises ArtefactError for a booster of another kind (not a plain numeric binary one), deeper than ``DEEPEST``,
        or that the layout does not reproduce bit for bit.
        """
        learner, trees = plain_trees(booster)
        depth = max(max(depth_of(tree) for tree in trees), 1)
        if depth > DEEPEST:
            raise ArtefactError(f"booster: trees of depth {depth}; the kernel takes at most {DEEPEST}")
        nodes = np.zeros((len(trees), 1 << depth), np.int64)
        leaves = np.zeros((len(trees), 1 << depth), np.float32)
        # Slots in the order of their features, so that a row is read from front to back.
        slot_of = {slot: number for number, slot in enumerate(sorted(_slots_of(trees)))}
        for tree, tree_nodes, tree_leaves in zip(trees, nodes, leaves, strict=True):
            _lay_out(tree, depth, slot_of, tree_nodes, tree_leaves)
        # A forest of bare leaves has no slot; the padding still reads slot 0.
        slots = np.array(list(slot_of) or [0], np.int32)
        probability = float(learner["learner_model_param"]["base_score"].strip("[]"))
        base = np.float32(np.log(probability / (1.0 - probability)))
        laid_out = cls(nodes, leaves, slots, base, int(learner["learner_model_param"]["num_feature"]))
        laid_out._check_against(booster)
        return laid_out

    def margin(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-odds [n] of rows ``X`` [n, F], C-ordered; each depends on its own row alone. NaN is missing;
        beyond ±``LARGEST`` counts as ±``LARGEST``."""
        check_rows(X, self.feature_count)
        out = np.empty(len(X), np.float32)
        forest_margin(np.ascontiguousarray(X), self.nodes, self.leaves, self.slots, self.base, out)
        return out

    def _check_against(self, booster: xgboost.Booster) -> None:
        random = np.random.default_rng(0)
        X = random.normal(0.0, 1e3, (PROBES, self.feature_count)).astype(np.float32)
        # Half of the probes stand on thresholds, where a wrong comparison would show.
        on_threshold = random.choice(self.nodes.reshape(-1), (PROBES // 2, self.feature_count))
        X[: PROBES // 2] = _float_of((on_threshold >> 32).astype(np.int32))
        X[random.random(X.shape) < 0.2] = np.nan
        if not np.array_equal(self.margin(X), margin_of(booster, X)):
            raise ArtefactError(
                f"booster: the tree kernel differs from XGBoost {xgboost.__version__}; "
                "install the version that the artefact's manifest names"
            )


@kernel
def forest_margin(
    X: NDArray[np.float32],
    nodes: NDArray[np.int64],
    leaves: NDArray[np.float32],
    slots: NDArray[np.int32],
    base: np.float32,
    out: NDArray[np.float32],
) -> None:
    """Margins of rows ``X`` [n, F] into ``out`` [n]; the other arguments are fields of ``TreeKernel``."""
    n = X.shape[0]
    lanes = np.empty((LANES, slots.shape[0]), np.int32)
    for start in range(0, n, LANES):
        count = min(LANES, n - start)
        _fill(X, start, count, slots, lanes)
        if count >= FEWEST_ROWS:
            _descend_rows(lanes, nodes, leaves, base, out, start, count)
        else:
            for lane in range(count):
                out[start + lane] = _descend_trees(lanes, lane, nodes, leaves, base)


@kernel
def _fill(
    X: NDArray[np.float32], start: int, count: int, slots: NDArray[np.int32], lanes: NDArray[np.int32]
) -> None:
    bits = X.view(np.int32)
    for lane in range(count):
        row = np.uint64(start + lane)
        for slot in range(slots.shape[0]):
            word = bits[row, np.uint64(slots[slot] >> np.int32(1))]
            sign = word >> np.int32(31)
            magnitude = word & _MAGNITUDE
            missing = _LEAST if slots[slot] & 1 else _GREATEST
            number = (min(magnitude, _BOUND) ^ sign) - sign
            lanes[lane, slot] = missing if magnitude > _INFINITY else number


@kernel
def _descend_rows(
    lanes: NDArray[np.int32],
    nodes: NDArray[np.int64],
    leaves: NDArray[np.float32],
    base: np.float32,
    out: NDArray[np.float32],
    start: int,
    count: int,
) -> None:
    width = np.uint64(nodes.shape[1])
    position = np.empty(LANES, np.int64)
    total = np.empty(LANES, np.float32)
    for lane in range(LANES):
        total[lane] = base
    for tree in range(nodes.shape[0]):
        tree_nodes = nodes[tree]
        tree_leaves = leaves[tree]
        for lane in range(LANES):
            position[lane] = 1
        level = np.uint64(1)
        while level < width:
            for lane in range(LANES):
                node = tree_nodes[np.uint64(position[lane])]
                value = np.int64(lanes[np.uint64(lane), np.uint64(node & _SLOT_MASK)])
                position[lane] = position[lane] * 2 + np.int64(value >= node >> 32)
            level <<= np.uint64(1)
        for lane in range(LANES):
            total[lane] += tree_leaves[np.uint64(position[lane]) - width]
    for lane in range(count):
        out[start + lane] = total[lane]


@kernel
def _descend_trees(
    lanes: NDArray[np.int32],
    lane: int,
    nodes: NDArray[np.int64],
    leaves: NDArray[np.float32],
    base: np.float32,
) -> np.float32:
    width = np.uint64(nodes.shape[1])
    trees = nodes.shape[0]
    position = np.empty(LANES, np.int64)
    total = base
    for first in range(0, trees, LANES):
        together = min(LANES, trees - first)
        for j in range(together):
            position[j] = 1
        level = np.uint64(1)
        while level < width:
            for j in range(together):
                node = nodes[np.uint64(first + j), np.uint64(position[j])]
                value = np.int64(lanes[np.uint64(lane), np.uint64(node & _SLOT_MASK)])
                position[j] = position[j] * 2 + np.int64(value >= node >> 32)
            level <<= np.uint64(1)
        for j in range(together):
            total += leaves[np.uint64(first + j), np.uint64(position[j]) - width]
    return total


def check_rows(X: NDArray[np.float32], feature_count: int) -> None:
    """Raises InputError for what is not float32 [n, ``feature_count``]."""
    if X.ndim != 2 or X.shape[1] != feature_count or X.dtype != np.float32:
        raise InputError(
            f"features: {X.dtype} array of shape {X.shape}; expected float32 [n, {feature_count}]"
        )


def plain_trees(booster: xgboost.Booster) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A booster as XGBoost writes it in JSON, and its trees.

    Raises ArtefactError where it is no plain numeric binary one.
    """
    learner: dict[str, Any] = json.loads(booster.save_raw(raw_format="json"))["learner"]
    forest = learner["gradient_booster"]
    trees: list[dict[str, Any]] = forest.get("model", {}).get("trees", [])
    if forest["name"] != "gbtree" or learner["objective"]["name"] != "binary:logistic" or not trees:
        raise ArtefactError(
            f"booster: {forest['name']} with objective {learner['objective']['name']} and {len(trees)} trees; "
            "expected gbtree with binary:logistic and at least one tree"
        )
    if any(tree["categories"] for tree in trees):
        raise ArtefactError("booster: splits on categories; encode categories as numbers and train it again")
    return learner, trees


def depth_of(tree: dict[str, Any]) -> int:
    """Splits on the longest way from the root to a leaf."""
    depth, level = 0, [0]
    while True:
        level = [
            child
            for node in level
            for child in (tree["left_children"][node], tree["right_children"][node])
            if child >= 0
        ]
        if not level:
            return depth
        depth += 1


def _slots_of(trees: list[dict[str, Any]]) -> set[int]:
    return {
        feature * 2 + default_left
        for tree in trees
        for feature, default_left, child in zip(
            tree["split_indices"], tree["default_left"], tree["left_children"], strict=True
        )
        if child >= 0
    }


def _lay_out(
    tree: dict[str, Any],
    depth: int,
    slot_of: dict[int, int],
    nodes: NDArray[np.int64],
    leaves: NDArray[np.float32],
) -> None:
    """Fill one tree's rows; a leaf above the last level is repeated under both children of its padding."""
    thresholds = _sortable(np.array(tree["split_conditions"], np.float32))
    level = [0]
    for height in range(depth):
        below: list[int] = []
        for at, node in enumerate(level):
            left, right = tree["left_children"][node], tree["right_children"][node]
            if left < 0:
                below += (node, node)
                continue
            slot = tree["split_indices"][node] * 2 + tree["default_left"][node]
            nodes[(1 << height) + at] = (int(thresholds[node]) << 32) | slot_of[slot]
            below += (left, right)
        level = below
    leaves[:] = np.array(tree["split_conditions"], np.float32)[level]


def _sortable(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Integers that compare as the floats do: a float's bits are sign and magnitude. −0 equals +0."""
    bits = values.view(np.int32)
    return np.where(bits < 0, -(bits & _MAGNITUDE), bits)


def _float_of(sortable: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.copysign(np.abs(sortable).view(np.float32), sortable).astype(np.float32)
