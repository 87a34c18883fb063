from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fraud.errors import ArtefactError, InputError
from models.booster import (
    BoosterConfig,
    fit_booster,
    fit_with_or_without,
    load_booster,
    margin_of,
    save_booster,
)
from tests.models.made import rows

NAMES = [f"feature_{i}" for i in range(12)]
SMALL = BoosterConfig(trees=60, depth=4, patience=10)


def test_same_seed_gives_the_same_booster_and_another_seed_another() -> None:
    X, y = rows(1000, 12, 0)
    one, two, other = (fit_booster(X, y, NAMES, SMALL, seed=seed, threads=1) for seed in (3, 3, 4))
    assert one.save_raw("ubj") == two.save_raw("ubj")
    assert one.save_raw("ubj") != other.save_raw("ubj")


def test_early_stopping_keeps_the_best_round_only() -> None:
    X, y = rows(1500, 12, 0)
    later = rows(1500, 12, 1)
    seen: list[int] = []
    config = SMALL.model_copy(update={"eta": 0.5, "trees": 200})
    booster = fit_booster(X, y, NAMES, config, validation=later, threads=1, on_round=seen.append)
    kept = booster.num_boosted_rounds()
    assert kept == booster.best_iteration + 1
    assert len(seen) == kept + config.patience < config.trees
    fewer = booster.predict(_matrix(later[0]), iteration_range=(0, max(kept // 3, 1)))
    best = average_precision_score(later[1], margin_of(booster, later[0]))
    assert best >= average_precision_score(later[1], fewer) - 1e-6


def _matrix(X: np.ndarray) -> object:
    import xgboost

    return xgboost.DMatrix(X, feature_names=NAMES)


def test_round_trip_keeps_margins_and_names(tmp_path: Path) -> None:
    X, y = rows(800, 12, 0)
    booster = fit_booster(X, y, NAMES, SMALL, threads=1)
    save_booster(booster, tmp_path / "booster.ubj")
    read = load_booster(tmp_path / "booster.ubj")
    assert read.feature_names == NAMES
    assert np.array_equal(margin_of(read, X), margin_of(booster, X))


@pytest.mark.parametrize(("holds", "is_seen"), [(True, True), (False, False)])
def test_a_doubted_feature_is_seen_where_it_still_holds_on_later_days(holds: bool, is_seen: bool) -> None:
    """It tells the label nearly outright in training; later it does so still, or says the opposite."""
    (X, y), (later, truth) = rows(1500, 12, 0), rows(1500, 12, 1)
    X[:, 5] = y + 0.1
    later[:, 5] = (truth if holds else 1 - truth) + 0.1
    booster = fit_with_or_without(("feature_5",), X, y, NAMES, SMALL, validation=(later.copy(), truth))
    assert ("feature_5" in booster.get_score()) is is_seen
    assert average_precision_score(truth, margin_of(booster, later)) > 2 * truth.mean()


def test_a_doubted_feature_that_says_nothing_costs_no_second_fit() -> None:
    (X, y), later = rows(800, 12, 0), rows(800, 12, 1)
    X[:, 5] = 0.0
    seen: list[int] = []
    once: list[int] = []
    fit_with_or_without(("feature_5",), X, y, NAMES, SMALL, validation=later, on_round=seen.append)
    fit_booster(X, y, NAMES, SMALL, validation=later, on_round=once.append)
    assert seen == once


def test_infinities_are_bounded_in_fit_and_score() -> None:
    X, y = rows(500, 12, 0)
    X[::7, 1] = np.inf
    X[3::7, 2] = -np.inf
    booster = fit_booster(X, y, NAMES, SMALL, threads=1)
    assert np.isfinite(margin_of(booster, X)).all()


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_refused(label: int) -> None:
    X, _ = rows(50, 12, 0)
    with pytest.raises(InputError, match="both classes are needed"):
        fit_booster(X, np.full(50, label), NAMES)


def test_shape_that_does_not_fit_the_names_is_refused() -> None:
    X, y = rows(50, 11, 0)
    with pytest.raises(InputError, match=r"training rows: shape \(50, 11\)"):
        fit_booster(X, y, NAMES)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "booster.ubj").write_bytes(b"{not a booster")
    with pytest.raises(ArtefactError, match="not a booster"):
        load_booster(tmp_path / "booster.ubj")


def test_imbalance_weights() -> None:
    y = np.array([1] + [0] * 100)
    weights = [BoosterConfig(imbalance=kind).fraud_weight(y) for kind in ("none", "root", "balanced")]
    assert weights == [1.0, 10.0, 100.0]


def test_a_row_counts_as_often_as_it_weighs() -> None:
    X, y = rows(600, 12, 9)
    config = BoosterConfig(trees=20, depth=3)
    plain = fit_booster(X, y, NAMES, config, threads=1)
    heavy = fit_booster(X, y, NAMES, config, threads=1, weight=np.where(y == 1, 20.0, 1.0).astype(np.float32))
    assert margin_of(heavy, X).mean() > margin_of(plain, X).mean() + 1.0
