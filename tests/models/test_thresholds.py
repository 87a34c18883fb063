from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import ArtefactError, InputError
from fraud.settings import CapacitySettings, CostSettings
from models.thresholds import BLOCK, NEVER, REVIEW, SUSPECT_SHARE, Thresholds, choose_thresholds


def choose(
    score: list[float] | np.ndarray,
    amount: float = 100.0,
    days: int = 1,
    capacity: float = 1000.0,
    **costs: float,
) -> Thresholds:
    p = np.array(score, np.float64)
    y = (np.random.default_rng(0).random(len(p)) < p).astype(np.int8)
    day = np.arange(len(p)) % days
    return choose_thresholds(
        p, y, np.full(len(p), amount), day, CostSettings(**costs), CapacitySettings(alerts_per_day=capacity)
    )


def test_review_where_the_saving_pays_the_analyst() -> None:
    found = choose([0.9, 0.5, 0.06, 0.051, 0.049, 0.01], review_cost=5.0)
    assert found.review == 0.051
    assert found.review_bound_by == "cost"


def test_block_where_approving_costs_more_than_a_false_block() -> None:
    # 100·p > (1 − p)·25 from p = 0.2.
    found = choose([0.9, 0.5, 0.21, 0.19, 0.06], review_cost=5.0, false_positive_cost=25.0)
    assert found.block == 0.21 and found.review == 0.06


def test_capacity_binds_on_the_busiest_day() -> None:
    score = np.concatenate([np.linspace(0.5, 0.9, 50), np.linspace(0.2, 0.3, 50)])
    day = np.repeat([0, 1], 50)
    found = choose_thresholds(
        score,
        np.zeros(100, np.int8),
        np.full(100, 100.0),
        day,
        CostSettings(),
        CapacitySettings(alerts_per_day=7),
    )
    assert found.review_bound_by == "capacity"
    assert found.alerts_per_day_most == 7
    assert found.review <= found.block


def test_nothing_worth_a_review() -> None:
    found = choose([0.5, 0.1], amount=1.0)
    assert (found.review, found.block) == (NEVER, NEVER)
    assert found.review_bound_by == "nothing worth a review"
    assert not found.decide(np.array([1.0])).any()
    assert "no payment" in found.explain()


probabilities = st.lists(st.floats(0.0001, 0.9999), min_size=1, max_size=120)


@given(probabilities, st.floats(1, 50), st.integers(1, 5), st.floats(1, 500))
@settings(deadline=None)
def test_promises_hold_on_the_validation_period(
    score: list[float], capacity: float, days: int, amount: float
) -> None:
    found = choose(score, amount=amount, days=days, capacity=capacity)
    p = np.array(score)
    decision = found.decide(p)
    alerts = np.bincount(np.arange(len(p)) % days, weights=decision >= REVIEW, minlength=1)
    assert alerts.max() <= capacity
    assert ((decision == BLOCK) <= (p >= found.review)).all()
    assert found.alerts_per_day_most == alerts.max()
    # Amounts being equal, every alert pays for its review.
    assert (p[decision >= REVIEW] * amount > 5.0).all()


@given(probabilities)
@settings(deadline=None)
def test_round_trip_is_exact(score: list[float]) -> None:
    found = choose(score)
    assert Thresholds.from_json(found.to_json()) == found


def test_the_explanation_tells_the_numbers() -> None:
    found = choose(np.linspace(0.01, 0.99, 400), days=4, capacity=30)
    text = json.loads(found.to_json())["explanation"]
    assert (
        f"{found.review:.4f}" in text
        and "exceed 30 alerts" in text
        and f"{found.alert_precision:.0%}" in text
    )


def test_unordered_or_damaged_text_is_refused() -> None:
    fields = json.loads(choose([0.9, 0.5]).to_json())
    for change in ({"review": 0.99, "block": 0.1}, {"review": -1.0}, {"review": "x"}, {"more": 1}):
        with pytest.raises(ArtefactError, match="thresholds"):
            Thresholds.from_json(json.dumps(fields | change))


def test_no_rows_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        choose([])


@given(scores=st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.3, 0.5, 0.9]), min_size=1, max_size=60))
def test_few_payments_are_suspected_and_all_that_are_reviewed(scores: list[float]) -> None:
    score, found = np.array(scores), choose(scores, capacity=2.0)
    assert found.suspect <= found.review
    if found.suspect < found.review:
        assert (score >= found.suspect).mean() <= SUSPECT_SHARE
        more = score[score < found.suspect].max()
        assert (score >= more).mean() > SUSPECT_SHARE
