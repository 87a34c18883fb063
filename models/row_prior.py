"""What the payments of many simulated worlds teach of rings: trees that ring rows may go on from.

A history of weeks confirms a few dozen rings, most of them of kinds seen a handful of times. ``row_prior.ubj`` has
learned from worlds that hold more than a thousand; ``python -m benchmarks.ring_prior`` makes it. A history goes on from
it only where that tells its own rings apart at least as well as learning from nothing
(``models.ring_training.ring_chances``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.errors import ArtefactError
from graph.features import FEATURE_NAMES
from models.booster import BoosterConfig, fit_booster, load_booster
from models.ring_rows import RING_ROWS, blind

__all__ = ["ROW_PRIOR", "RowSample", "fit_row_prior", "row_prior", "sample_rows"]

ROW_PRIOR = Path(__file__).with_name("row_prior.ubj")
CONFIG: BoosterConfig = RING_ROWS.model_copy(update={"trees": 250})
HARD_SHARE = 0.1
"""Of a world's payments, those most like a ring's, that are all kept."""
OTHER_SHARE = 0.05
"""Of the rest, the share that is kept and stands for all of it."""


class RowSample(NamedTuple):
    """Payments of one world, those kept that teach most."""

    features: NDArray[np.float32]
    """[n, F]"""
    is_ring: NDArray[np.int8]
    """[n] 1 for a ring's fraud"""
    weight: NDArray[np.float32]
    """[n] payments that a row stands for"""


def sample_rows(
    features: NDArray[np.float32], is_ring: NDArray[np.int8], chance: NDArray[np.float64], seed: int
) -> RowSample:
    """All frauds of rings, the payments that look most like one, and a sample of the others.

    ``chance`` [n] is what a booster says that learned without the payment, NaN where there is none.
    """
    surely = (chance >= np.nanquantile(chance, 1.0 - HARD_SHARE)) | (is_ring == 1)
    kept = np.flatnonzero(surely | (np.random.default_rng(seed).random(len(chance)) < OTHER_SHARE))
    stands_for = np.where(surely[kept], 1.0, 1.0 / OTHER_SHARE)
    return RowSample(features[kept], is_ring[kept], stands_for.astype(np.float32))


def fit_row_prior(samples: Sequence[RowSample], seed: int = 0) -> xgboost.Booster:
    """Trees over the payments of several worlds; one thread, so that the same worlds give the same trees."""
    features, is_ring, weight = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    seen = blind(features, FEATURE_NAMES)
    return fit_booster(seen, is_ring, FEATURE_NAMES, CONFIG, seed=seed, threads=1, weight=weight)


def row_prior(path: Path = ROW_PRIOR) -> xgboost.Booster:
    """The trees that come with this release. Raises ArtefactError where they are of other features."""
    booster = load_booster(path)
    if tuple(booster.feature_names or ()) != FEATURE_NAMES:
        raise ArtefactError(f"{path}: of other features than payments have now; run benchmarks.ring_prior")
    return booster
