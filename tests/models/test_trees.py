from __future__ import annotations

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import ArtefactError, InputError
from models.booster import LARGEST, BoosterConfig, fit_booster, margin_of
from models.trees import TreeKernel
from tests.models.made import booster, rows

WIDTH = 14
NAMES = [f"feature_{i}" for i in range(WIDTH)]


def hard_rows(model: xgboost.Booster, n: int, seed: int) -> np.ndarray:
    """Rows on and beside the thresholds, with missing values, both zeros, infinities and subnormals."""
    random = np.random.default_rng(seed)
    split = model.trees_to_dataframe()["Split"].dropna().to_numpy(np.float32)
    width = len(model.feature_names)
    pool = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, -1e-42, 3e38, -3e38]
    at = random.choice(split, (n, width)) if len(split) else np.zeros((n, width), np.float32)
    beside = np.nextafter(at, random.choice(np.float32([-np.inf, np.inf]), at.shape))
    X = np.where(random.random(at.shape) < 0.5, at, beside).astype(np.float32)
    special = random.random(X.shape) < 0.3
    X[special] = random.choice(np.array(pool, np.float32), int(special.sum()))
    return X


@pytest.mark.parametrize("method", ["hist", "exact"])
@pytest.mark.parametrize("depth", [1, 2, 3, 5, 6, 8])
def test_margins_equal_xgboost_bit_for_bit(depth: int, method: str) -> None:
    X, y = rows(1200, WIDTH, depth)
    config = BoosterConfig(trees=37, depth=depth, tree_method=method, base_score=0.3 if depth % 2 else 0.5)
    model = fit_booster(X, y, NAMES, config, seed=depth, threads=1)
    kernel = TreeKernel.from_booster(model)
    for sample in (X, hard_rows(model, 500, depth)):
        assert np.array_equal(kernel.margin(sample), margin_of(model, sample))


def test_margins_equal_xgboost_after_early_stopping() -> None:
    X, y = rows(1500, WIDTH, 0)
    config = BoosterConfig(trees=100, depth=4, eta=0.5, patience=5)
    model = fit_booster(X, y, NAMES, config, validation=rows(800, WIDTH, 1), threads=1)
    kernel = TreeKernel.from_booster(model)
    assert len(kernel.nodes) == model.best_iteration + 1 < 100
    assert np.array_equal(kernel.margin(X), margin_of(model, X))


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 60), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_row_does_not_depend_on_its_batch(seed: int, sizes: list[int]) -> None:
    model = booster()
    kernel = TreeKernel.from_booster(model)
    X = hard_rows(model, sum(sizes), seed)
    whole = kernel.margin(X)
    cuts = np.cumsum(sizes)[:-1]
    parts = np.concatenate([kernel.margin(part) for part in np.split(X, cuts)])
    assert np.array_equal(whole, parts)
    assert np.array_equal(whole, margin_of(model, X))


def test_bare_leaves() -> None:
    X, y = rows(200, WIDTH, 0)
    model = fit_booster(X, y, NAMES, BoosterConfig(trees=3, gamma=1e9), threads=1)
    assert np.array_equal(TreeKernel.from_booster(model).margin(X), margin_of(model, X))


def test_no_rows() -> None:
    kernel = TreeKernel.from_booster(booster())
    assert kernel.margin(np.empty((0, kernel.feature_count), np.float32)).shape == (0,)


def test_infinity_counts_as_the_bound() -> None:
    model = booster()
    kernel = TreeKernel.from_booster(model)
    ends = np.array([[np.inf], [LARGEST], [-np.inf], [-LARGEST]], np.float32)
    margin = kernel.margin(np.repeat(ends, kernel.feature_count, axis=1))
    assert margin[0] == margin[1] and margin[2] == margin[3]


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected float32"):
        TreeKernel.from_booster(booster()).margin(np.zeros(shape, np.float32))


def test_other_kinds_of_booster_are_refused() -> None:
    X, y = rows(200, WIDTH, 0)
    matrix = xgboost.DMatrix(X, label=y)
    dart = xgboost.train({"booster": "dart", "objective": "binary:logistic", "nthread": 1}, matrix, 2)
    with pytest.raises(ArtefactError, match="expected gbtree"):
        TreeKernel.from_booster(dart)
    chance = np.random.default_rng(0).integers(0, 2, len(y))
    parameters = {
        "max_depth": 14,
        "min_child_weight": 0,
        "lambda": 0,
        "objective": "binary:logistic",
        "nthread": 1,
    }
    deep = xgboost.train(parameters, xgboost.DMatrix(X[:, :1], label=chance), 20)
    with pytest.raises(ArtefactError, match="at most 10"):
        TreeKernel.from_booster(deep)


def test_a_kernel_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.trees.margin_of", lambda model, X: np.zeros(len(X), np.float32))
    with pytest.raises(ArtefactError, match="differs from XGBoost"):
        TreeKernel.from_booster(booster())
