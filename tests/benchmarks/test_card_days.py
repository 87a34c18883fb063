from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.card_days import card_day_risk

UNSEEN = 0.01


@pytest.mark.parametrize("seed", range(3))
def test_risk_is_the_payments_own_and_the_unseen_share_of_the_days_earlier_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    day = np.sort(random.integers(0, 5, 200))
    card = random.integers(0, 12, 200)
    log_odds = random.normal(-3.0, 2.0, 200).astype(np.float32)
    risk = card_day_risk(log_odds, day, card, UNSEEN)
    for row in range(200):
        earlier = sum(day[other] == day[row] and card[other] == card[row] for other in range(row))
        own = -math.log(1.0 - 1.0 / (1.0 + math.exp(-float(log_odds[row]))))
        assert risk[row] == pytest.approx(own + UNSEEN * earlier)


def test_later_payments_and_other_days_change_nothing() -> None:
    log_odds, day, card = np.full(6, -4.0), np.array([0, 0, 0, 1, 1, 1]), np.array([7, 7, 3, 7, 7, 3])
    whole = card_day_risk(log_odds, day, card, UNSEEN)
    for rows in range(1, 6):
        assert np.array_equal(card_day_risk(log_odds[:rows], day[:rows], card[:rows], UNSEEN), whole[:rows])
    assert whole[3] == whole[0] < whole[1]
