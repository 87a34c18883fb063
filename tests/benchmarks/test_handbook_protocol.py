from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.handbook_protocol import DAY, Payments, book_features, cut_fold, judge, read_payments
from fraud.errors import InputError

START = "2018-04-25"
FIRST = 24
"""Days from the first day of the file to START."""


def payments(seed: int, n: int = 600, cards: int = 25, terminals: int = 12) -> Payments:
    random = np.random.default_rng(seed)
    second = np.sort(random.choice(50 * DAY, n, replace=False))
    frame = pd.DataFrame({"amount": random.gamma(2.0, 30.0, n).round(2)})
    fraud = (random.random(n) < 0.1).astype(np.int8)
    return Payments(frame, second, random.integers(0, cards, n), random.integers(0, terminals, n), fraud)


@pytest.mark.parametrize("seed", range(3))
def test_book_features_are_those_of_rolling_windows(seed: int) -> None:
    table = payments(seed)
    X = book_features(table)
    now = pd.DatetimeIndex(pd.Timestamp("2018-04-01") + pd.to_timedelta(table.second, unit="s"))
    assert np.array_equal(X[:, 1], now.weekday >= 5)
    assert np.array_equal(X[:, 2], now.hour <= 6)
    for row in range(0, len(table.second), 7):
        before = table.second[row] - table.second
        own, there = table.card == table.card[row], table.terminal == table.terminal[row]
        for place, days in enumerate((1, 7, 30)):
            window = own & (before >= 0) & (before < days * DAY)
            assert X[row, 3 + 2 * place] == window.sum()
            assert X[row, 4 + 2 * place] == pytest.approx(table.frame["amount"][window].mean())
            window = there & (before >= 7 * DAY) & (before < (7 + days) * DAY)
            assert X[row, 9 + 2 * place] == window.sum()
            expected = table.fraud[window].mean() if window.any() else 0.0
            assert X[row, 10 + 2 * place] == pytest.approx(expected)


def test_a_fold_trains_waits_and_tests_for_a_week_each() -> None:
    table = payments(0)
    fold = cut_fold(table, START)
    assert set(table.day[fold.train]) <= set(range(FIRST, FIRST + 7))
    assert table.day[fold.history].max() < FIRST + 7
    assert set(table.day[fold.test]) <= set(range(FIRST + 14, FIRST + 21))


def test_known_compromised_cards_drop_out_of_the_test_and_others_stay() -> None:
    table = payments(1)
    test = set(cut_fold(table, START).test.tolist())
    for row in np.flatnonzero((table.day >= FIRST + 14) & (table.day < FIRST + 21)):
        frauds = table.day[(table.card == table.card[row]) & (table.fraud == 1)]
        trained = ((frauds >= FIRST) & (frauds < FIRST + 7)).any()
        reported = ((frauds >= FIRST + 6) & (frauds <= table.day[row] - 8)).any()
        assert (row in test) == (not trained and not reported)


def test_a_perfect_score_is_judged_perfect_and_a_test_without_fraud_refused() -> None:
    table = payments(2)
    rows = cut_fold(table, START).test
    auc, precision, _ = judge(table, rows, table.fraud[rows].astype(np.float64))
    assert (auc, precision) == (1.0, 1.0)
    genuine = rows[table.fraud[rows] == 0]
    with pytest.raises(InputError, match="holds no fraud"):
        judge(table, genuine, np.zeros(len(genuine)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.parquet: not found"):
        read_payments(tmp_path / "nowhere.parquet")
