from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from models.bootstrap import Bootstrap, estimate_of_days
from models.ranking import Ranking, card_precision_at_k, precision_at_k, within_daily_budget

payments = st.lists(
    st.tuples(
        st.integers(0, 6),  # score, with ties
        st.booleans(),
        st.integers(0, 4),  # day
        st.integers(0, 5),  # card
        st.integers(0, 3),  # weight
    ),
    min_size=1,
    max_size=60,
)


def columns(rows: list[tuple[int, bool, int, int, int]]) -> tuple[np.ndarray, ...]:
    score, y, day, card, weight = (np.array(column) for column in zip(*rows, strict=True))
    return score / 6.0, y.astype(np.int8), day.astype(np.int64), card, weight.astype(np.float64)


@given(payments)
@settings(deadline=None)
def test_ranking_equals_scikit_learn_with_ties_and_weights(
    rows: list[tuple[int, bool, int, int, int]],
) -> None:
    score, y, _, _, weight = columns(rows)
    for w in (None, weight):
        ranking = Ranking(score, y)
        frauds = y.sum() if w is None else (w * y).sum()
        rest = (1 - y).sum() if w is None else (w * (1 - y)).sum()
        if frauds:
            expected = average_precision_score(y, score, sample_weight=w)
            assert ranking.average_precision(w) == pytest.approx(expected)
        else:
            assert ranking.average_precision(w) is None
        if frauds and rest:
            assert ranking.auc(w) == pytest.approx(roc_auc_score(y, score, sample_weight=w))
        else:
            assert ranking.auc(w) is None


def test_card_precision_by_hand() -> None:
    # Day 0: cards by highest score a .9 (its fraud is the .1 payment), b .8, c .7; two are checked: a found.
    # Day 1: a is out; c .95, b .6 (fraud); both checked: b found.
    # Day 2: a and b are out; only d is left, genuine: 0 of 2.
    # Day 3: d .4 is fraud and the only card: 1 of 2, though one card was checked.
    rows = pd.DataFrame(
        [
            (0, "a", 0.9, 0), (0, "a", 0.1, 1), (0, "b", 0.8, 0), (0, "c", 0.7, 1),
            (1, "a", 0.99, 1), (1, "c", 0.95, 0), (1, "b", 0.6, 1), (1, "d", 0.5, 1),
            (2, "a", 0.9, 1), (2, "b", 0.9, 1), (2, "d", 0.2, 0),
            (3, "d", 0.4, 1),
        ],
        columns=["day", "card", "score", "fraud"],
    )  # fmt: skip
    found = card_precision_at_k(
        rows["score"].to_numpy(),
        rows["fraud"].to_numpy(),
        rows["day"].to_numpy(),
        rows["card"].to_numpy(str),
        2,
    )
    assert found.tolist() == [0.5, 0.5, 0.0, 0.5]


def plain_card_precision(rows: list[tuple[int, bool, int, int, int]], k: int) -> list[float]:
    """The definition, told with dictionaries."""
    detected: set[int] = set()
    result = []
    for today in sorted({day for _, _, day, _, _ in rows}):
        highest: dict[int, int] = {}
        compromised: dict[int, bool] = {}
        for score, fraud, day, card, _ in rows:
            if day == today and card not in detected:
                highest[card] = max(score, highest.get(card, score))
                compromised[card] = compromised.get(card, False) or fraud
        checked = sorted(highest, key=lambda card: (-highest[card], card))[:k]
        hits = [card for card in checked if compromised[card]]
        detected.update(hits)
        result.append(len(hits) / k)
    return result


@given(payments, st.integers(1, 8))
@settings(deadline=None)
def test_card_precision_equals_the_plain_definition(
    rows: list[tuple[int, bool, int, int, int]], k: int
) -> None:
    score, y, day, card, _ = columns(rows)
    assert card_precision_at_k(score, y, day, card, k).tolist() == pytest.approx(
        plain_card_precision(rows, k)
    )


@given(payments, st.integers(1, 8))
@settings(deadline=None)
def test_daily_budget_and_precision_equal_the_plain_definition(
    rows: list[tuple[int, bool, int, int, int]], k: int
) -> None:
    score, y, day, _, _ = columns(rows)
    taken = within_daily_budget(score, day, k)
    precision = []
    for today in sorted(set(day.tolist())):
        of_day = sorted(np.flatnonzero(day == today), key=lambda i: (-score[i], i))
        assert sorted(of_day[:k]) == np.flatnonzero(taken & (day == today)).tolist()
        precision.append(sum(y[i] for i in of_day[:k]) / k)
    assert precision_at_k(score, y, day, k).tolist() == pytest.approx(precision)


def test_curve_runs_from_the_top_to_full_recall() -> None:
    random = np.random.default_rng(0)
    y = random.random(5000) < 0.05
    curve = Ranking(random.random(5000) + 0.3 * y, y).curve(100)
    assert len(curve) <= 100
    assert curve[-1][1] == 1.0
    assert all(a[1] <= b[1] and a[0] <= b[0] for a, b in pairwise(curve))


def test_intervals_hold_the_value_and_are_repeatable() -> None:
    random = np.random.default_rng(0)
    y = random.random(3000) < 0.1
    score = random.random(3000) + 0.4 * y
    account = random.integers(0, 300, 3000)
    ranking = Ranking(score, y)
    one = Bootstrap(account, 100, seed=1).estimate(ranking.average_precision)
    assert one == Bootstrap(account, 100, seed=1).estimate(ranking.average_precision)
    assert one.low is not None and one.low < one.value < one.high
    assert one != Bootstrap(account, 100, seed=2).estimate(ranking.average_precision)
    ratio = Bootstrap(account, 200, seed=1).ratio(y, np.ones(3000))
    # As wide as theory has it, for accounts of about ten independent payments.
    assert ratio.high - ratio.low == pytest.approx(2 * 1.96 * np.sqrt(0.1 * 0.9 / 3000), rel=0.3)


def test_blocks_widen_the_interval_where_rows_go_together() -> None:
    account = np.repeat(np.arange(100), 50)
    y = (account < 10).astype(float)
    together = Bootstrap(account, 200, seed=0).ratio(y, np.ones(5000))
    alone = Bootstrap(np.arange(5000), 200, seed=0).ratio(y, np.ones(5000))
    assert together.high - together.low > 4 * (alone.high - alone.low)


def test_undefined_figures_have_no_interval() -> None:
    nothing = np.zeros(10)
    assert Bootstrap(np.arange(10), 20, seed=0).ratio(nothing, nothing).model_dump() == {
        "value": None, "low": None, "high": None
    }  # fmt: skip
    days = estimate_of_days(np.array([0.5, 0.5]), 20, seed=0)
    assert (days.low, days.value, days.high) == (0.5, 0.5, 0.5)
