"""What would have changed a decision: a receipt scored again with one value at a time moved to what is normal.

It tells what the model's answer hangs on, one value at a time and all others as they were. It does not say that the
payment could have been made that way, nor why anything happened; values that only count together are not found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.errors import InputError
from models.phrases import phrase, topic_of
from models.scorer import Scorer

__all__ = ["Change", "WhatIf", "normal_values", "single_changes"]


class Change(msgspec.Struct, frozen=True):
    """One value moved to what is normal, and the score that gives; values are None where they do not apply."""

    feature: str
    was: str
    """The value as scored, in plain words."""
    would_be: str
    """The normal value, in plain words."""
    score: float


class WhatIf(msgspec.Struct, frozen=True):
    """The single changes that bring a score below a threshold, the furthest first: the strongest of each topic."""

    score: float
    """As scored again from the receipt."""
    below: float
    tried: int
    """Values that differ from what is normal."""
    changes: tuple[Change, ...]
    best: Change | None
    """The single change that lowers the score most, whether or not it suffices."""


def normal_values(receipts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The median of each feature [F] over feature rows of receipts, NaN where it applies to none of them."""
    if not receipts:
        raise InputError("normal values: no receipts to take them from")
    rows = np.vstack(receipts).astype(np.float32)
    known = ~np.isnan(rows)
    normal = np.full(rows.shape[1], np.nan, np.float32)
    # What mostly does not apply is normal when it does not apply.
    often = 2 * known.sum(axis=0) > len(rows)
    normal[often] = np.nanmedian(rows[:, often], axis=0)
    return normal


def single_changes(
    scorer: Scorer,
    arrays: Mapping[str, NDArray[Any]],
    normal: NDArray[np.float32],
    below: float,
    *,
    most: int = 8,
) -> WhatIf:
    """Score a single receipt again with each feature in turn at its ``normal`` value [F].

    Costs one batch of as many rows as there are features. Raises InputError for a receipt of other features.
    """
    features = np.asarray(arrays["features"], np.float32)
    if features.shape != normal.shape or features.shape != (len(scorer.feature_names),):
        raise InputError(
            f"receipt: {features.shape} values against {normal.shape} normal ones; it is of another model"
        )
    differs = np.flatnonzero(~((features == normal) | (np.isnan(features) & np.isnan(normal))))
    rows = {
        name: np.repeat(np.asarray(array)[None], len(differs) + 1, axis=0) for name, array in arrays.items()
    }
    rows["features"] = np.repeat(features[None], len(differs) + 1, axis=0)
    rows["features"][np.arange(1, len(differs) + 1), differs] = normal[differs]
    scores = scorer.rescore(rows).score
    transfer = dict(zip(scorer.feature_names, features.tolist(), strict=True)).get("is_transfer", 0.0) > 0
    found = [
        Change(
            name := scorer.feature_names[column],
            phrase(name, float(features[column]), transfer=transfer),
            phrase(name, float(normal[column]), transfer=transfer),
            float(score),
        )
        for column, score in zip(differs.tolist(), scores[1:].tolist(), strict=True)
    ]
    found.sort(key=lambda change: change.score)
    enough: dict[str, Change] = {}
    for change in found:
        if change.score < below:
            enough.setdefault(topic_of(change.feature), change)
    return WhatIf(
        score=float(scores[0]),
        below=below,
        tried=len(found),
        changes=tuple(enough.values())[:most],
        best=found[0] if found and found[0].score < scores[0] else None,
    )
