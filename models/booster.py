"""Gradient-boosted trees over the features of the online graph and the GraphSAGE embedding (Chen & Guestrin 2016).

Only UBJ (XGBoost's own binary JSON) is written and read: a booster is never pickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xgboost
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sklearn.metrics import average_precision_score

from fraud.errors import ArtefactError, InputError

__all__ = [
    "LARGEST",
    "BoosterConfig",
    "bounded",
    "fit_booster",
    "fit_with_or_without",
    "load_booster",
    "margin_of",
    "save_booster",
]

METRIC = "average_precision"
LARGEST = np.float32(1e30)
"""Features beyond ±this, infinities included, count as ±this: XGBoost refuses infinities."""


class BoosterConfig(BaseModel):
    """Hyperparameters; the defaults suit a few hundred to a few thousand frauds among 10⁵ to 10⁶ payments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: int = Field(default=300, ge=1, le=5000)
    """Boosting rounds; fewer are kept when early stopping finds a better point."""
    forest: int = Field(default=1, ge=1, le=50)
    """Trees grown side by side in each round, on rows and columns of their own; the round's step is their mean."""
    depth: int = Field(default=6, ge=1, le=10)
    eta: float = Field(default=0.06, gt=0, le=1)
    min_child_weight: float = Field(default=4.0, ge=0)
    subsample: float = Field(default=0.8, gt=0, le=1)
    colsample_bytree: float = Field(default=0.5, gt=0, le=1)
    reg_lambda: float = Field(default=4.0, ge=0)
    gamma: float = Field(default=0.0, ge=0)
    max_delta_step: float = Field(default=2.0, ge=0)
    """Bounds a leaf's step: frauds are rare, and one of them must not throw a leaf far out. 0 is no bound."""
    imbalance: Literal["none", "root", "balanced"] = "none"
    """Weight of a fraud: 1, or the square root of genuine per fraud, or genuine per fraud. Calibration undoes it."""
    tree_method: Literal["hist", "exact", "approx"] = "hist"
    max_bin: int = Field(default=256, ge=2)
    base_score: float = Field(default=0.5, gt=0, lt=1)
    """Fixed: XGBoost would otherwise estimate it from the data, and small sets would move."""
    patience: int = Field(default=40, ge=1)
    """Rounds without a better validation average precision before stopping."""

    def fraud_weight(self, y: NDArray[Any]) -> float:
        """Weight of a fraud row beside 1 for a genuine row."""
        frauds = int(np.count_nonzero(y))
        ratio = (len(y) - frauds) / frauds
        if self.imbalance == "none":
            return 1.0
        return ratio if self.imbalance == "balanced" else math.sqrt(max(ratio, 1.0))


def fit_booster(
    X: NDArray[np.float32],
    y: NDArray[Any],
    feature_names: Sequence[str],
    config: BoosterConfig | None = None,
    *,
    validation: tuple[NDArray[np.float32], NDArray[Any]] | None = None,
    seed: int = 0,
    threads: int | None = None,
    on_round: Callable[[int], None] | None = None,
    weight: NDArray[np.float32] | None = None,
    start: xgboost.Booster | None = None,
) -> xgboost.Booster:
    """Fit on rows ``X`` [n, F] (NaN: does not apply) and labels ``y`` [n] in {0, 1}.

    With ``validation``, later in time than the training rows, boosting stops when its average precision has not risen
    for ``config.patience`` rounds, and only the trees up to the best round are kept. The same data, seed and number
    of threads give the same booster. ``on_round`` is told each finished round. A row counts ``weight`` [n] times. With
    ``start`` the trees of that booster come first, unchanged, and new ones mend what they leave. Raises InputError when
    a class is missing or the shapes disagree.
    """
    config = config or BoosterConfig()
    names = list(feature_names)
    train = _matrix(X, y, names, "training rows", threads, weight)
    evals = (
        []
        if validation is None
        else [(_matrix(*validation, names, "validation rows", threads), "validation")]
    )
    booster: xgboost.Booster = xgboost.train(
        _parameters(config, y, seed, threads),
        train,
        num_boost_round=config.trees,
        evals=evals,
        custom_metric=_average_precision if evals else None,
        callbacks=_callbacks(config, bool(evals), on_round),
        verbose_eval=False,
        xgb_model=start,
    )
    return booster


def fit_with_or_without(
    doubted: Collection[str],
    X: NDArray[np.float32],
    y: NDArray[Any],
    feature_names: Sequence[str],
    config: BoosterConfig | None = None,
    *,
    validation: tuple[NDArray[np.float32], NDArray[Any]],
    seed: int = 0,
    on_round: Callable[[int], None] | None = None,
) -> xgboost.Booster:
    """As ``fit_booster``, once with and once blind to the features named in ``doubted``; the better on validation rows.

    For features whose meaning drifts, so that what was learned of them may not hold later. Where they are as good, the
    blind one is returned; where they say nothing, one fit is enough. ``X`` and the validation rows are written over.
    """
    seeing = fit_booster(X, y, feature_names, config, validation=validation, seed=seed, on_round=on_round)
    columns = [place for place, name in enumerate(feature_names) if name in doubted]
    if not X[:, columns].any():
        return seeing
    X[:, columns] = validation[0][:, columns] = 0.0
    blind = fit_booster(X, y, feature_names, config, validation=validation, seed=seed, on_round=on_round)
    return seeing if seeing.best_score > blind.best_score else blind


def bounded(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """``X`` within ±``LARGEST``; NaN stays."""
    return np.clip(X, -LARGEST, LARGEST)


def margin_of(booster: xgboost.Booster, X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds [n] by XGBoost itself: the reference that the tree kernel must equal bit for bit."""
    matrix = xgboost.DMatrix(bounded(X), feature_names=booster.feature_names, nthread=1)
    margin: NDArray[np.float32] = booster.predict(matrix, output_margin=True)
    return margin


def save_booster(booster: xgboost.Booster, path: Path) -> None:
    """Write UBJ, feature names included."""
    path.write_bytes(booster.save_raw(raw_format="ubj"))


def load_booster(path: Path) -> xgboost.Booster:
    """Read UBJ written by ``save_booster``; raises ArtefactError when XGBoost cannot read it."""
    booster = xgboost.Booster(params={"nthread": 1})
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ArtefactError(
            f"{path.name}: not a booster ({str(error).splitlines()[0]}); train it again"
        ) from error
    return booster


def _matrix(
    X: NDArray[np.float32],
    y: NDArray[Any],
    names: list[str],
    what: str,
    threads: int | None,
    weight: NDArray[np.float32] | None = None,
) -> xgboost.DMatrix:
    if X.ndim != 2 or X.shape != (len(y), len(names)):
        raise InputError(f"{what}: shape {X.shape} for {len(y)} labels and {len(names)} feature names")
    frauds = int(np.count_nonzero(y))
    if not 0 < frauds < len(y):
        raise InputError(
            f"{what}: {frauds} frauds among {len(y)} rows; both classes are needed, take a longer period"
        )
    return xgboost.DMatrix(bounded(X), label=y, weight=weight, feature_names=names, nthread=threads)


def _parameters(config: BoosterConfig, y: NDArray[Any], seed: int, threads: int | None) -> dict[str, Any]:
    parameters = {
        "objective": "binary:logistic",
        "num_parallel_tree": config.forest,
        "max_depth": config.depth,
        "eta": config.eta,
        "min_child_weight": config.min_child_weight,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample_bytree,
        "lambda": config.reg_lambda,
        "gamma": config.gamma,
        "max_delta_step": config.max_delta_step,
        "scale_pos_weight": config.fraud_weight(y),
        "tree_method": config.tree_method,
        "base_score": config.base_score,
        "disable_default_eval_metric": True,
        "seed": seed,
        "nthread": threads or 0,
    }
    if config.tree_method != "exact":
        parameters["max_bin"] = config.max_bin
    return parameters


def _average_precision(prediction: NDArray[np.float32], matrix: xgboost.DMatrix) -> tuple[str, float]:
    return METRIC, float(average_precision_score(matrix.get_label(), prediction))


def _callbacks(
    config: BoosterConfig, stopping: bool, on_round: Callable[[int], None] | None
) -> list[xgboost.callback.TrainingCallback]:
    callbacks: list[xgboost.callback.TrainingCallback] = []
    if on_round is not None:
        callbacks.append(_Rounds(on_round))
    if stopping:
        callbacks.append(
            xgboost.callback.EarlyStopping(
                rounds=config.patience,
                metric_name=METRIC,
                data_name="validation",
                maximize=True,
                save_best=True,
            )
        )
    return callbacks


class _Rounds(xgboost.callback.TrainingCallback):
    def __init__(self, on_round: Callable[[int], None]) -> None:
        self.on_round = on_round

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        self.on_round(epoch + 1)
        return False
