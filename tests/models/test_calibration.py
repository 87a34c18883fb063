from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fraud.errors import ArtefactError, InputError
from models.calibration import Calibration, fit_calibration

BENT = Calibration(a=0.6, b=1.7, c=-2.0, rows=100, frauds=50)
slopes = st.floats(0.05, 5.0)


def margins_and_labels(n: int, seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    m = random.normal(-2.0, 2.0, n).astype(np.float32)
    y = random.random(n) < 1.0 / (1.0 + np.exp(-(1.4 * m + shift)))
    return m, y.astype(np.int8)


def test_probabilities_mean_what_they_say() -> None:
    m, y = margins_and_labels(40_000, 0, shift=-1.0)
    calibration = fit_calibration(m, y)
    later_m, later_y = margins_and_labels(40_000, 1, shift=-1.0)
    p = calibration.apply(later_m)
    for low, high in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        inside = (p >= low) & (p < high)
        assert abs(p[inside].mean() - later_y[inside].mean()) < 0.03


@given(slopes, slopes, st.floats(-6, 6), st.floats(-12, 12, width=32))
@settings(deadline=None)
def test_the_probability_rises_with_the_margin(a: float, b: float, c: float, start: float) -> None:
    calibration = Calibration(a, b, c, 10, 5)
    m = np.unique(np.float32(start) + np.arange(200, dtype=np.float32) * np.float32(1e-5))
    p = calibration.apply(m)
    assume(p.min() > 1e-7 and p.max() < 1 - 1e-7)
    assert (np.diff(p) > 0).all()
    assert ((p > 0) & (p < 1)).all()


def test_extreme_margins_stay_in_order() -> None:
    m = np.array([-3e38, -1e4, -800, -40, 0, 30, 800, 1e4, 3e38], np.float32)
    p = BENT.apply(m)
    assert (np.diff(p) >= 0).all() and p.min() >= 0 and p.max() <= 1 and np.isfinite(p).all()


def test_formula_is_beta_calibration() -> None:
    m = np.linspace(-20, 20, 2001).astype(np.float32)
    s = m.astype(np.float64)
    logit = -BENT.a * np.logaddexp(0, -s) + BENT.b * np.logaddexp(0, s) + BENT.c
    np.testing.assert_allclose(BENT.apply(m), 1.0 / (1.0 + np.exp(-logit)), rtol=1e-13)


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(0, 70))
@settings(max_examples=50, deadline=None)
def test_a_probability_does_not_depend_on_its_batch(seed: int, n: int, cut: int) -> None:
    m = np.random.default_rng(seed).normal(0, 8, n).astype(np.float32)
    whole = BENT.apply(m)
    assert np.array_equal(whole, np.concatenate([BENT.apply(m[:cut]), BENT.apply(m[cut:])]))
    assert np.array_equal(whole, [BENT.apply(m[i : i + 1])[0] for i in range(n)])


@given(slopes, slopes, st.floats(-50, 50))
def test_round_trip_is_exact(a: float, b: float, c: float) -> None:
    calibration = Calibration(a, b, c, 10, 5)
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize(
    "change",
    [
        {"a": -1.0},
        {"a": 0.0, "b": 0.0},
        {"c": float("nan")},
        {"method": "isotonic"},
        {"extra": 1},
        {"a": "x"},
    ],
)
def test_unsound_text_is_refused(change: dict[str, object]) -> None:
    fields = json.loads(BENT.to_json()) | change
    with pytest.raises(ArtefactError, match="calibration"):
        Calibration.from_json(json.dumps(fields))


def test_few_frauds_move_the_level_only() -> None:
    m, y = margins_and_labels(4000, 0, shift=-1.0)
    y[np.flatnonzero(y)[10:]] = 0
    calibration = fit_calibration(m, y)
    assert (calibration.a, calibration.b) == (1.0, 1.0)
    assert calibration.apply(m).mean() == pytest.approx(11 / 4002)


def test_separable_classes_stay_finite() -> None:
    m = np.concatenate([np.linspace(-9, -3, 500), np.linspace(3, 9, 100)]).astype(np.float32)
    calibration = fit_calibration(m, (m > 0).astype(np.int8))
    assert calibration.apply(np.array([-9, 9], np.float32)).tolist() == pytest.approx([0, 1], abs=1e-3)


def test_a_side_that_falls_is_dropped() -> None:
    random = np.random.default_rng(0)
    m = random.uniform(-6, 6, 20_000).astype(np.float32)
    # Above 0 the label no longer follows the margin upwards.
    y = (random.random(len(m)) < np.where(m < 0, 0.02 * np.exp(m / 2), 0.6 - 0.05 * m)).astype(np.int8)
    calibration = fit_calibration(m, y)
    assert min(calibration.a, calibration.b) >= 0 and max(calibration.a, calibration.b) > 0


def test_a_margin_that_falls_with_fraud_is_refused() -> None:
    m, y = margins_and_labels(5000, 0)
    with pytest.raises(InputError, match="does not rise"):
        fit_calibration(-m, y)


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="both classes are needed"):
        fit_calibration(np.zeros(5, np.float32), np.zeros(5, np.int8))
