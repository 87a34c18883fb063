from __future__ import annotations

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraud.errors import ArtefactError, InputError
from models.booster import BoosterConfig, bounded, fit_booster, margin_of
from models.tree_shap import TreeShap
from tests.models.made import booster, rows
from tests.models.test_trees import hard_rows


def fitted(depth: int, width: int, trees: int = 30) -> xgboost.Booster:
    X, y = rows(1200, width, depth)
    names = [f"feature_{i}" for i in range(width)]
    return fit_booster(X, y, names, BoosterConfig(trees=trees, depth=depth), seed=depth, threads=1)


def of_xgboost(model: xgboost.Booster, X: NDArray[np.float32]) -> NDArray[np.float32]:
    return model.predict(xgboost.DMatrix(bounded(X)), pred_contribs=True, validate_features=False)


# Of five features on a path of ten splits, some come again; twelve may all be different.
@pytest.mark.parametrize("width", [5, 12])
@pytest.mark.parametrize("depth", [1, 2, 4, 6, 8, 10])
def test_values_equal_those_of_xgboost(depth: int, width: int) -> None:
    model = fitted(depth, width)
    shap = TreeShap.from_booster(model)
    for X in (rows(300, width, 1)[0], hard_rows(model, 300, depth)):
        theirs = of_xgboost(model, X)
        np.testing.assert_allclose(shap.contributions(X), theirs[:, :-1], rtol=0, atol=2e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_values_add_up_to_the_margin(seed: int) -> None:
    model = booster()
    X = hard_rows(model, 40, seed)
    bias = of_xgboost(model, X)[:, -1]
    total = TreeShap.from_booster(model).contributions(X).sum(axis=1) + bias
    np.testing.assert_allclose(total, margin_of(model, X), rtol=0, atol=2e-5)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 30), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_row_does_not_depend_on_its_batch(seed: int, sizes: list[int]) -> None:
    model = booster()
    shap = TreeShap.from_booster(model)
    X = hard_rows(model, sum(sizes), seed)
    parts = [shap.contributions(part) for part in np.split(X, np.cumsum(sizes)[:-1])]
    assert np.array_equal(shap.contributions(X), np.concatenate(parts))


def test_bare_leaves_say_nothing_of_features() -> None:
    X, y = rows(200, 4, 0)
    model = fit_booster(X, y, list("abcd"), BoosterConfig(trees=3, gamma=1e9), threads=1)
    assert not TreeShap.from_booster(model).contributions(X).any()


def test_no_rows() -> None:
    shap = TreeShap.from_booster(booster())
    assert shap.contributions(np.empty((0, shap.feature_count), np.float32)).shape == (0, shap.feature_count)


@pytest.mark.parametrize("wrong", [np.zeros((1, 3), np.float32), np.zeros(14, np.float32)])
def test_rows_of_another_width_are_refused(wrong: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match="expected float32"):
        TreeShap.from_booster(fitted(2, 14)).contributions(wrong)


def test_another_kind_of_booster_is_refused() -> None:
    X, y = rows(200, 4, 0)
    dart = xgboost.train(
        {"booster": "dart", "objective": "binary:logistic"}, xgboost.DMatrix(X, y), num_boost_round=3
    )
    with pytest.raises(ArtefactError, match="expected gbtree"):
        TreeShap.from_booster(dart)


def test_trees_that_another_xgboost_would_explain_otherwise_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = booster()
    predict = xgboost.Booster.predict
    monkeypatch.setattr(
        xgboost.Booster, "predict", lambda self, data, **how: predict(self, data, **how) * 1.01
    )
    with pytest.raises(ArtefactError, match="SHAP values differ"):
        TreeShap.from_booster(model)
