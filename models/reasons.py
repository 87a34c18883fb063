"""Reasons for a score: SHAP contributions of the booster, gathered by topic and told in plain words."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fraud.decision import Reason
from models.phrases import SAGE, SAGE_LOGIT, phrase, topic_of
from models.tree_shap import TreeShap

__all__ = ["explain_rows"]


def explain_rows(
    shap: TreeShap, names: tuple[str, ...], inputs: NDArray[np.float32], most: int = 3
) -> list[tuple[Reason, ...]]:
    """At most ``most`` reasons, strongest first, for each row [n, F] of inputs called ``names``: topics that raise the
    score, by their SHAP values. Costs some hundred times what a score does, so it is meant for alerts.
    """
    columns = _columns_of(names)
    contributions = shap.contributions(inputs)
    return [columns.reasons(row, values, most) for row, values in zip(contributions, inputs, strict=True)]


class _Columns:
    """The columns of a model, and which topic each is about."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._place = {name: column for column, name in enumerate(names)}
        self._topics = list(dict.fromkeys(map(topic_of, names)))
        number = {topic: place for place, topic in enumerate(self._topics)}
        self._topic = np.array([number[topic_of(name)] for name in names], dtype=np.int64)

    def reasons(
        self, contributions: NDArray[np.float64], values: NDArray[np.float32], most: int
    ) -> tuple[Reason, ...]:
        strength = np.bincount(self._topic, weights=contributions, minlength=len(self._topics))
        order = np.argsort(-strength, kind="stable")[:most]
        transfer = self._value("is_transfer", values) > 0
        reasons = []
        for topic in order[strength[order] > 0].tolist():
            of_topic = np.flatnonzero(self._topic == topic)
            strongest = self._names[of_topic[np.argmax(contributions[of_topic])]]
            name = SAGE_LOGIT if self._topics[topic] == SAGE else strongest
            value = self._value(name, values)
            text = phrase(name, value, transfer=transfer)
            reasons.append(Reason(name, text, value, float(strength[topic])))
        return tuple(reasons)

    def _value(self, name: str, values: NDArray[np.float32]) -> float:
        place = self._place.get(name)
        return math.nan if place is None else float(values[place])


@lru_cache(maxsize=8)
def _columns_of(names: tuple[str, ...]) -> _Columns:
    return _Columns(names)
