"""From an observation to a decision: features and embedding, trees, calibration and thresholds in one kernel.

Every row is computed from itself alone in a fixed order, so scores are bitwise the same at any batch size, and a
receipt scored again gives the score that it was written with.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.decision import Reason
from fraud.errors import InputError
from fraud.threshold_changes import ThresholdChange
from gnn.serving import SageKernel
from graph.features import feature_hash
from graph.observation import Observation
from graph.ring_judge import RingJudge
from models.artefact import Artefact, load_artefact
from models.calibration import calibrate
from models.reasons import explain_rows
from models.thresholds import Thresholds
from models.tree_shap import TreeShap
from models.trees import TreeKernel, forest_margin

__all__ = ["RECEIPT_ARRAYS", "Scorer", "Scores"]

RECEIPT_ARRAYS: tuple[str, ...] = (
    "features",
    "self_message",
    "slot_message",
    "slot_hop2",
    "slot_hop2_count",
    "slot_age",
    "slot_count",
)
"""Fields of an ``Observation`` that a score depends on; without GraphSAGE it depends on the first alone."""

_NO_EMBEDDING = np.empty((0, 0), np.float32)
_NO_LOGIT = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Scores:
    """Result for each of n transactions."""

    margin: NDArray[np.float32]
    """[n] log-odds of the booster before calibration."""
    score: NDArray[np.float64]
    """[n] calibrated probability of fraud."""
    decision: NDArray[np.int8]
    """[n] codes of ``models.thresholds.OUTCOMES``: 0 approve, 1 review, 2 block."""
    inputs: NDArray[np.float32]
    """[n, F or F + 17] what the booster saw: features, embedding, GraphSAGE logit."""

    def __len__(self) -> int:
        return len(self.score)


class Scorer:
    """A trained model ready to serve; holds no state between calls, so threads may share it."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact_version = artefact.version
        self.version = artefact.version
        """What decisions name as their model: the artefact, and the change where other thresholds are in force."""
        self.feature_names = artefact.manifest.feature_names
        self.feature_hash = feature_hash(self.feature_names)
        self.thresholds: Thresholds = artefact.thresholds
        self._own_thresholds = artefact.thresholds
        self.booster: xgboost.Booster = artefact.booster
        # Asking the booster takes as long as explaining a row.
        self._input_names = tuple(artefact.booster.feature_names or ())
        self._trees = TreeKernel.from_booster(artefact.booster)
        self._shap = TreeShap.from_booster(artefact.booster)
        self._calibration = artefact.calibration
        self._sage = None if artefact.sage is None else SageKernel(artefact.sage)
        self._rings = artefact.rings

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From an artefact folder; raises ArtefactError when it cannot be trusted."""
        return cls(load_artefact(folder))

    def under(self, change: ThresholdChange | None) -> Self:
        """The same model by the thresholds of a change, or by its own; all else is shared.

        Raises InputError for a change that was made for another artefact.
        """
        if change is not None and change.model_version != self.artefact_version:
            raise InputError(
                f"thresholds: change {change.number} is for model {change.model_version}, not {self.artefact_version}"
            )
        other = copy.copy(self)
        own = self._own_thresholds
        if change is None:
            other.thresholds, other.version = own, self.artefact_version
        else:
            suspect = min(own.suspect, change.review)
            other.thresholds = replace(own, review=change.review, block=change.block, suspect=suspect)
            other.version = change.version
        return other

    def score(self, observation: Observation) -> Scores:
        """Scores of n ≥ 0 transactions; raises InputError when the features are not those of the model."""
        features = observation.features
        n = len(features)
        if features.shape != (n, len(self.feature_names)):
            raise InputError(
                f"features: shape {features.shape}, the model needs [n, {len(self.feature_names)}]; "
                "observe with the graph that it was trained for"
            )
        embedding, logit = (_NO_EMBEDDING, _NO_LOGIT) if self._sage is None else self._sage.embed(observation)
        inputs = np.empty((n, self._trees.feature_count), np.float32)
        margin = np.empty(n, np.float32)
        score = np.empty(n, np.float64)
        decision = np.empty(n, np.int8)
        trees, calibration = self._trees, self._calibration
        _score(
            features,
            embedding,
            logit,
            trees.nodes,
            trees.leaves,
            trees.slots,
            trees.base,
            (calibration.a, calibration.b, calibration.c),
            (self.thresholds.review, self.thresholds.block),
            inputs,
            margin,
            score,
            decision,
        )
        return Scores(margin, score, decision, inputs)

    @property
    def ring_judge(self) -> RingJudge | None:
        """What the ring desk judges groups by; None where the model has learned of no ring."""
        return None if self._rings is None else self._rings.judge

    def ring_evidence(self, features: NDArray[np.float32], scores: Scores) -> dict[int, float | None]:
        """Rows that are evidence for rings, ascending, each with the probability that a ring makes the payment.

        None stands for it where the model has learned of no ring: then the score itself is the evidence.
        """
        if self._rings is None:
            return dict.fromkeys(np.flatnonzero(scores.score >= self.thresholds.suspect).tolist())
        rows, rules = self._rings.rows, self._rings.rules
        looked = np.flatnonzero(scores.score >= rules.look_from)
        chance = rows.score(features[looked])
        told = chance >= rules.told_from
        return dict(zip(looked[told].tolist(), chance[told].tolist(), strict=True))

    def explain(self, scores: Scores, rows: Sequence[int], most: int = 3) -> list[tuple[Reason, ...]]:
        """The ``most`` strongest reasons, strongest first, for each of the given rows: meant for alerts only."""
        index = np.asarray(rows, dtype=np.int64)
        return explain_rows(self._shap, self._input_names, scores.inputs[index], most)

    def receipt(self, observation: Observation) -> dict[str, NDArray[Any]]:
        """Everything that the scores of an observation depend on, row by row, fit for ``fraud.receipt``; no copies."""
        return {name: getattr(observation, name) for name in self._receipt_arrays()}

    def rescore(self, arrays: Mapping[str, NDArray[Any]]) -> Scores:
        """Scores from the arrays of receipts [n, …], or of a single receipt without the leading axis.

        Bitwise those of the first time, given the same model. Raises InputError when an array is missing.
        """
        missing = [name for name in self._receipt_arrays() if name not in arrays]
        if missing:
            raise InputError(f"receipt: lacks {', '.join(missing)}; it was written without the subgraph")
        # Receipts hold read-only views; the kernels are compiled for writable arrays.
        rows = {name: np.array(arrays[name]) for name in self._receipt_arrays()}
        if rows["features"].ndim == 1:
            rows = {name: array[None] for name, array in rows.items()}
        return self.score(_observation_of(rows))

    def _receipt_arrays(self) -> tuple[str, ...]:
        return RECEIPT_ARRAYS if self._sage is not None else RECEIPT_ARRAYS[:1]


def _observation_of(rows: Mapping[str, NDArray[Any]]) -> Observation:
    n = len(rows["features"])
    unread: dict[str, Any] = {name: np.empty((n, 0)) for name in RECEIPT_ARRAYS}
    return Observation(
        **(unread | dict(rows)),
        ends=np.full((n, 4), -1, np.int32),
        slot_serial=np.full((n, 4, 0), -1, np.int64),
        first_event=0,
    )


@kernel
def _score(
    features: NDArray[np.float32],
    embedding: NDArray[np.float32],
    logit: NDArray[np.float32],
    nodes: NDArray[np.int64],
    leaves: NDArray[np.float32],
    slots: NDArray[np.int32],
    base: np.float32,
    calibration: tuple[float, float, float],
    thresholds: tuple[float, float],
    inputs: NDArray[np.float32],
    margin: NDArray[np.float32],
    score: NDArray[np.float64],
    decision: NDArray[np.int8],
) -> None:
    count = features.shape[1]
    width = embedding.shape[1]
    for i in range(features.shape[0]):
        inputs[i, :count] = features[i]
        if width > 0:
            inputs[i, count : count + width] = embedding[i]
            inputs[i, count + width] = logit[i]
    forest_margin(inputs, nodes, leaves, slots, base, margin)
    a, b, c = calibration
    review, block = thresholds
    for i in range(features.shape[0]):
        score[i] = calibrate(margin[i], a, b, c)
        decision[i] = np.int8(score[i] >= review) + np.int8(score[i] >= block)
