"""What other thresholds would have meant: equal to counting by hand, and to what training says of its thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.settings import CapacitySettings, CostSettings
from models.thresholds import choose_thresholds
from models.what_if import WhatIf

COSTS = CostSettings(review_cost=5.0, recovery_rate=0.8, false_positive_cost=15.0)

rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.05, 0.2, 0.2, 0.5, 0.8, 0.95, 1.0]),
        st.floats(1.0, 1_000.0),
        st.integers(100, 103),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def what_if(drawn: list[tuple[float, float, int, bool]]) -> tuple[WhatIf, list[np.ndarray]]:
    score, amount, day, fraud = (np.array(column) for column in zip(*drawn, strict=True))
    return WhatIf(score, amount, day, fraud, COSTS), [score, amount, day, fraud]


@given(rows, st.sampled_from([0.05, 0.2, 0.3, 0.95]), st.sampled_from([0.2, 0.5, 0.95, 1.0]))
def test_an_outlook_counts_what_reaches_the_thresholds(
    drawn: list[tuple[float, float, int, bool]], review: float, block: float
) -> None:
    block = max(review, block)
    weigher, (score, amount, day, fraud) = what_if(drawn)
    seen = weigher.at(review, block, capacity=2.0)
    alert, blocked = score >= review, score >= block
    assert (seen.reviews, seen.blocks) == (int((alert & ~blocked).sum()), int(blocked.sum()))
    each_day = [int(alert[day == one].sum()) for one in np.unique(day)]
    assert seen.alerts_a_day == pytest.approx(np.mean(each_day))
    assert (seen.most_on_a_day, seen.days_over_capacity) == (max(each_day), sum(n > 2 for n in each_day))
    assert seen.precision == (None if not alert.any() else pytest.approx(fraud[alert].mean()))
    assert seen.recall == (None if not fraud.any() else pytest.approx(alert[fraud].mean()))
    saved = (
        (fraud * amount)[alert].sum() * 0.8 - 15.0 * (~fraud)[blocked].sum() - 5.0 * (alert & ~blocked).sum()
    )
    assert seen.realised_saving == pytest.approx(saved)
    assert seen.honest_blocked == int((blocked & ~fraud).sum())


@given(rows, st.integers(1, 10))
def test_the_review_that_fits_a_capacity_fits_it(
    drawn: list[tuple[float, float, int, bool]], capacity: int
) -> None:
    weigher, _ = what_if(drawn)
    review = weigher.review_for(capacity)
    if review < 1.0:
        assert weigher.at(review, 1.0, capacity).days_over_capacity == 0
    if 0.0 < review < 1.0:
        assert weigher.at(float(np.nextafter(review, 0.0)), 1.0, capacity).days_over_capacity > 0


@given(rows)
def test_calibration_holds_every_payment_once(drawn: list[tuple[float, float, int, bool]]) -> None:
    weigher, (score, _, _, fraud) = what_if(drawn)
    bins = weigher.calibration()
    assert sum(one.payments for one in bins) == len(weigher) == len(score)
    assert sum(one.payments * one.fraud_share for one in bins) == pytest.approx(fraud.sum())
    for one in bins:
        assert one.low - 1e-12 <= one.mean_score <= one.high + 1e-12


def test_it_agrees_with_training() -> None:
    draw = np.random.default_rng(3)
    n = 4_000
    score, amount, day = draw.beta(0.4, 4.0, n), draw.lognormal(4.0, 1.0, n), draw.integers(0, 12, n)
    fraud = draw.random(n) < score
    own = choose_thresholds(score, fraud, amount, day, COSTS, CapacitySettings(alerts_per_day=40))
    seen = WhatIf(score, amount, day, fraud, COSTS).at(own.review, own.block, 40.0)
    assert seen.alerts_a_day == pytest.approx(own.alerts_per_day_mean)
    assert (seen.most_on_a_day, seen.days_over_capacity) == (own.alerts_per_day_most, 0)
    assert seen.expected_saving == pytest.approx(own.expected_saving)
    assert seen.realised_saving == pytest.approx(own.realised_saving)
    assert (seen.precision, seen.recall) == (
        pytest.approx(own.alert_precision),
        pytest.approx(own.fraud_recall),
    )
