"""Made-up rows, boosters, observations and artefacts for the tests of this package."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.settings import CapacitySettings, CostSettings
from gnn.weights import WEIGHT_SHAPES, SageWeights
from graph.features import FEATURE_NAMES
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, Observation
from graph.ring_figures import FIGURES
from models.artefact import DataSpan, input_names, load_artefact, save_artefact
from models.booster import BoosterConfig, fit_booster, margin_of
from models.calibration import fit_calibration
from models.group_judge import GroupJudge, fit_groups
from models.ring_model import RingModel
from models.ring_rows import RingRows
from models.ring_rules import RingRules
from models.scorer import Scorer
from models.thresholds import choose_thresholds


def rows(n: int, width: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Rows with missing values and many ties, and labels (about 8 % frauds) that depend on the first columns."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, width)).astype(np.float32)
    X[:, ::3] = np.round(X[:, ::3], 1)
    logit = 1.5 * X[:, 0] + X[:, 1] * X[:, 2] - 0.7 * np.abs(X[:, 3]) - 2.5
    y = (random.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(np.int8)
    X[random.random(X.shape) < 0.1] = np.nan
    return X, y


def observation(n: int, seed: int) -> Observation:
    random = np.random.default_rng(seed)
    X, _ = rows(n, len(FEATURE_NAMES), seed)
    slots = (n, len(ROLES), FANOUT)
    messages = (*slots, MESSAGE_WIDTH)
    return Observation(
        features=X,
        ends=random.integers(-1, 1000, (n, 4)).astype(np.int32),
        self_message=random.integers(-1000, 1000, (n, 4, MESSAGE_WIDTH)).astype(np.int16),
        slot_message=random.integers(-1000, 1000, messages).astype(np.int16),
        slot_hop2=random.integers(-3000, 3000, messages).astype(np.int16),
        slot_hop2_count=random.integers(0, FANOUT + 1, slots).astype(np.uint8),
        slot_age=random.random(slots).astype(np.float32),
        slot_count=random.integers(0, FANOUT + 1, (n, 4)).astype(np.uint8),
        slot_serial=random.integers(-1, 1000, slots),
        first_event=0,
    )


def sage_weights(seed: int = 0) -> SageWeights:
    random = np.random.default_rng(seed)
    arrays = {
        name: random.normal(0.0, 0.2, shape).astype(np.float32) for name, shape in WEIGHT_SHAPES.items()
    }
    arrays["message_centre"] = np.zeros(WEIGHT_SHAPES["message_centre"], np.float32)
    for name in ("message_scale", "age_scale"):
        arrays[name] = np.full(WEIGHT_SHAPES[name], 0.01, np.float32)
    return SageWeights(arrays)


@lru_cache
def booster(with_sage: bool = True, seed: int = 0) -> xgboost.Booster:
    names = input_names(with_sage)
    X, y = rows(1500, len(names), seed)
    return fit_booster(X, y, names, BoosterConfig(trees=25, depth=4), seed=seed, threads=1)


@lru_cache
def ring_model() -> RingModel:
    X, y = rows(1500, len(FEATURE_NAMES), 5)
    ring_rows = fit_booster(X, y, FEATURE_NAMES, BoosterConfig(trees=10, depth=3), threads=1)
    X, y = rows(300, len(FIGURES), 6)
    rules = RingRules(look_from=0.1, told_from=0.3, report_from=0.5, base_rate=0.05)
    groups = fit_groups(X, y, np.ones(len(y), np.float32), 0)
    return RingModel(RingRows(ring_rows), GroupJudge(groups, rules), rules)


def save_model(folder: Path, with_sage: bool = True, with_rings: bool = False) -> str:
    model = booster(with_sage)
    X, y = rows(1500, len(model.feature_names), 1)
    margin = margin_of(model, X)
    calibration = fit_calibration(margin, y)
    amount = np.random.default_rng(2).lognormal(4.0, 1.0, len(y))
    score = calibration.apply(margin)
    thresholds = choose_thresholds(
        score, y, amount, np.arange(len(y)) // 150, CostSettings(), CapacitySettings(alerts_per_day=20)
    )
    return save_artefact(
        folder,
        booster=model,
        calibration=calibration,
        thresholds=thresholds,
        sage=sage_weights() if with_sage else None,
        rings=ring_model() if with_rings else None,
        data_span=DataSpan(
            start="2024-01-01", end="2024-02-01", transactions=1500, known_frauds=int(y.sum())
        ),
        seeds={"booster": 0},
        settings=BoosterConfig().model_dump(),
        metrics={"average_precision": 0.5, "undefined": float("nan")},
    )


def scorer(folder: Path, with_sage: bool = True) -> Scorer:
    save_model(folder, with_sage)
    return Scorer(load_artefact(folder))
