"""Reasons for a score: SHAP contributions of the booster, gathered by topic and told in plain words."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.decision import Reason
from models.booster import bounded
from models.phrases import SAGE, SAGE_LOGIT, phrase, topic_of

__all__ = ["explain_rows"]


def explain_rows(
    booster: xgboost.Booster, inputs: NDArray[np.float32], most: int = 3
) -> list[tuple[Reason, ...]]:
    """At most ``most`` reasons, strongest first, for each row [n, F]: topics that raise the score, by SHAP (Lundberg
    et al. 2020). Costs milliseconds a row, so it is meant for alerts.
    """
    if len(inputs) == 0:
        return []
    names: list[str] = list(booster.feature_names or ())
    matrix = xgboost.DMatrix(bounded(inputs), feature_names=names, nthread=1)
    contributions = booster.predict(matrix, pred_contribs=True)[:, :-1]
    return [_reasons_of(names, row, values, most) for row, values in zip(contributions, inputs, strict=True)]


def _reasons_of(
    names: Sequence[str], contributions: NDArray[np.float32], values: NDArray[np.float32], most: int
) -> tuple[Reason, ...]:
    topics: dict[str, list[int]] = defaultdict(list)
    for column in map(int, np.flatnonzero(contributions)):
        topics[topic_of(names[column])].append(column)
    strength = {topic: float(contributions[columns].sum()) for topic, columns in topics.items()}
    raising = sorted((topic for topic in topics if strength[topic] > 0), key=lambda topic: -strength[topic])
    value_of = dict(zip(names, map(float, values), strict=True))
    transfer = value_of.get("is_transfer", 0.0) > 0
    reasons = []
    for topic in raising[:most]:
        strongest = max(topics[topic], key=lambda column: contributions[column])
        name = SAGE_LOGIT if topic == SAGE else names[strongest]
        value = value_of.get(name, math.nan)
        text = phrase(name, value, transfer=transfer)
        reasons.append(Reason(feature=name, text=text, value=value, contribution=strength[topic]))
    return tuple(reasons)
