"""Trees that other worlds taught: of today's features, blind to the desk's own word, kept whole by what goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fraud.errors import ArtefactError
from graph.features import FEATURE_NAMES, RING_NAMES
from models.booster import BoosterConfig, fit_booster, save_booster
from models.ring_rows import FURTHER, RingRows, fit_ring_rows, ring_probability
from models.row_prior import HARD_SHARE, OTHER_SHARE, RowSample, fit_row_prior, row_prior, sample_rows
from tests.models.made import rows


def test_the_prior_is_of_todays_features_and_blind_to_what_the_desk_said() -> None:
    prior = row_prior()
    assert tuple(prior.feature_names or ()) == FEATURE_NAMES
    assert prior.num_boosted_rounds() > 100
    assert not set(RING_NAMES) & prior.get_score().keys()


def test_a_prior_of_other_features_is_refused(tmp_path: Path) -> None:
    X, y = rows(300, len(FEATURE_NAMES), 1)
    names = ("sum", *FEATURE_NAMES[1:])
    save_booster(fit_booster(X, y, names, BoosterConfig(trees=2, depth=2), threads=1), tmp_path / "prior.ubj")
    with pytest.raises(ArtefactError, match="other features"):
        row_prior(tmp_path / "prior.ubj")


def test_what_goes_on_from_it_keeps_its_trees_and_serves_as_xgboost_does() -> None:
    X, y = rows(400, len(FEATURE_NAMES), 2)
    prior = row_prior()
    before = bytes(prior.save_raw("ubj"))
    further = fit_ring_rows(X, y, FEATURE_NAMES, 0, threads=1, start=prior)
    taught = prior.num_boosted_rounds()
    assert further.num_boosted_rounds() == taught + FURTHER.trees
    assert further[:taught].get_dump() == prior.get_dump()
    assert bytes(prior.save_raw("ubj")) == before
    assert np.array_equal(RingRows(further).score(X), ring_probability(further, X))


def test_a_sample_holds_all_rings_the_hardest_others_and_stands_for_all() -> None:
    random = np.random.default_rng(3)
    n = 20_000
    is_ring = (random.random(n) < 0.01).astype(np.int8)
    chance = np.where(np.arange(n) < n // 3, np.nan, random.random(n))
    X = np.arange(n, dtype=np.float32)[:, None]
    sample = sample_rows(X, is_ring, chance, 7)
    kept = sample.features[:, 0].astype(int)
    assert (np.diff(kept) > 0).all()
    assert sample.is_ring.sum() == is_ring.sum()
    hardest = chance >= np.nanquantile(chance, 1.0 - HARD_SHARE)
    assert set(np.flatnonzero(hardest)) <= set(kept)
    assert sample.weight[hardest[kept] | (sample.is_ring == 1)].tolist() == pytest.approx(
        [1.0] * int((hardest | (is_ring == 1)).sum())
    )
    assert sample.weight.max() == pytest.approx(1.0 / OTHER_SHARE)
    assert sample.weight.sum() == pytest.approx(n, rel=0.1)
    again = sample_rows(X, is_ring, chance, 7)
    assert all(map(np.array_equal, again, sample))


def test_the_same_worlds_teach_the_same_trees() -> None:
    X, y = rows(600, len(FEATURE_NAMES), 4)
    parts = [
        RowSample(X[:300], y[:300], np.ones(300, np.float32)),
        RowSample(X[300:], y[300:], np.ones(300, np.float32)),
    ]
    one, two = (bytes(fit_row_prior(parts).save_raw("ubj")) for _ in range(2))
    assert one == two
