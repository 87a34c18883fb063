"""Training of ``EdgeSage`` on a replay's history: mini-batches, early stopping, resumable, deterministic by seed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch.nn import functional

from fraud.errors import InputError
from fraud.progress import Advance
from gnn.checkpoint import TrainingState
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhoods
from gnn.network import EdgeSage
from gnn.serving import embed_neighbourhoods
from gnn.weights import SageWeights
from graph.observation import FANOUT, ROLES, NeighbourHistory

__all__ = ["PROGRESS_TOTAL", "Device", "EpochMetrics", "SageConfig", "TrainedSage", "TrainingMetrics", "fit"]

Device = Literal["auto", "cpu", "cuda"]

PROGRESS_TOTAL = 100
"""Sum of the steps that ``fit`` reports to ``advance``, however early it stops."""

_GRADIENT_NORM = 1.0
_WARM_UP = 0.05  # share of the planned steps over which the learning rate rises
_NORMALISING_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class SageConfig:
    """How to train; the defaults were chosen by validation average precision."""

    epochs: int = 15
    batch_size: int = 512
    learning_rate: float = 1e-2
    weight_decay: float = 0.3
    patience: int = 4
    """Epochs without a better validation average precision before training stops."""
    negatives_per_positive: float | None = 30.0
    """Genuine transactions drawn anew each epoch for every fraud, all of them if None; the logit is corrected."""
    positive_weight: float = 1.0
    """Weight of a fraud in the loss; the logit is corrected."""
    cold_end_rate: float = 0.1
    """Share of ends that lose all their slots in training, so that the network knows how to do without."""
    slot_dropout: float = 0.1
    """Share of the other slots that are left out in training."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot train, with ``InputError``."""
        if min(self.epochs, self.batch_size, self.patience) < 1:
            raise InputError("epochs, batch_size, patience: each must be at least 1")
        if self.learning_rate <= 0 or self.positive_weight <= 0 or (self.negatives_per_positive or 1.0) <= 0:
            raise InputError("learning_rate, positive_weight, negatives_per_positive: each must be positive")
        if not (0 <= self.cold_end_rate < 1 and 0 <= self.slot_dropout < 1):
            raise InputError("cold_end_rate, slot_dropout: each must lie in [0, 1)")


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One pass: mean training loss, validation average precision, seconds taken."""

    epoch: int
    loss: float
    validation_average_precision: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingMetrics:
    """How a training went; ``best_epoch`` is the one whose weights were kept."""

    epochs: tuple[EpochMetrics, ...]
    best_epoch: int
    best_validation_average_precision: float
    train_rows: int
    train_frauds: int
    validation_rows: int
    validation_frauds: int
    device: str
    seed: int


@dataclass(frozen=True, slots=True)
class TrainedSage:
    """A trained network and the account of its training."""

    weights: SageWeights
    metrics: TrainingMetrics


@dataclass(slots=True)
class _Run:
    """Everything that one training needs and does not change."""

    neighbourhoods: Neighbourhoods
    label: NDArray[np.int8]
    train_rows: NDArray[np.int64]
    validation_rows: NDArray[np.int64]
    config: SageConfig
    seed: int
    device: torch.device
    positives: NDArray[np.int64] = field(init=False)
    negatives: NDArray[np.int64] = field(init=False)
    drawn: int = field(init=False)

    def __post_init__(self) -> None:
        fraud = self.label[self.train_rows] == 1
        self.positives, self.negatives = self.train_rows[fraud], self.train_rows[~fraud]
        ratio = self.config.negatives_per_positive
        wanted = len(self.negatives) if ratio is None else math.ceil(ratio * len(self.positives))
        self.drawn = min(len(self.negatives), wanted)

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil((len(self.positives) + self.drawn) / self.config.batch_size)

    @property
    def logit_correction(self) -> float:
        """Shift that undoes the changed odds of fraud in what the network saw."""
        return math.log(self.drawn / len(self.negatives)) - math.log(self.config.positive_weight)

    def fingerprint(self) -> str:
        """Hash of all that decides the outcome, so that a checkpoint only continues its own training."""
        digest = hashlib.sha256(json.dumps([asdict(self.config), self.seed, self.device.type]).encode())
        for rows in (self.train_rows, self.validation_rows):
            digest.update(rows.tobytes())
            digest.update(self.label[rows].tobytes())
            digest.update(self.neighbourhoods.gather(rows[:64]).self_message.tobytes())
        return digest.hexdigest()


def fit(
    history: NeighbourHistory,
    label: NDArray[np.int8],
    train_rows: NDArray[np.int64],
    validation_rows: NDArray[np.int64],
    config: SageConfig | None = None,
    *,
    device: Device = "auto",
    seed: int = 0,
    checkpoint: Path | None = None,
    advance: Advance | None = None,
    neighbourhoods: Neighbourhoods | None = None,
) -> TrainedSage:
    """Train on the events ``train_rows`` and keep the epoch with the best validation average precision.

    ``label`` [n] is 1 for fraud, 0 for genuine, −1 for unknown; rows of unknown label are left out. Validation
    events should be later than the training events. The same arguments give the same weights; with ``checkpoint``
    the state is kept there after each epoch, and a later call with the same arguments goes on from it to the same
    weights. ``advance`` is told of progress in steps that sum to ``PROGRESS_TOTAL``. ``neighbourhoods`` replaces
    edge-time semantics (for ablations).

    Raises ``InputError`` if a part has no fraud or no genuine event or CUDA is asked for and absent,
    ``ArtefactError`` if the checkpoint is damaged or belongs to another training.
    """
    chosen = _torch_device(device)
    run = _Run(
        neighbourhoods or EdgeTimeNeighbourhoods(history),
        label,
        _labelled(label, train_rows, "train_rows"),
        _labelled(label, validation_rows, "validation_rows"),
        config or SageConfig(),
        seed,
        chosen,
    )
    with _deterministic(chosen, seed):
        return _train(run, checkpoint, advance)


def _labelled(label: NDArray[np.int8], rows: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    known = rows[label[rows] >= 0]
    frauds = int((label[known] == 1).sum())
    if frauds == 0 or frauds == len(known):
        raise InputError(
            f"{name}: {frauds} frauds among {len(known)} labelled transactions; GraphSAGE needs both kinds,"
            " widen the period"
        )
    return known


def _torch_device(device: Device) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for but torch finds no GPU; use cpu or auto")
    return torch.device(device)


@contextmanager
def _deterministic(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch and demand deterministic kernels, and leave torch afterwards as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


def _train(run: _Run, checkpoint: Path | None, advance: Advance | None) -> TrainedSage:
    config = run.config
    network = EdgeSage()
    sample = np.random.default_rng(run.seed).permutation(run.train_rows)[:_NORMALISING_ROWS]
    network.standardise(run.neighbourhoods.gather(sample))
    network.to(run.device)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    state = TrainingState(network, optimiser, run.fingerprint())
    if checkpoint is not None and checkpoint.exists():
        state.restore(checkpoint)
    progress = _Progress(advance)
    progress.reach(state.epoch / config.epochs)
    while state.epoch < config.epochs and state.epoch - state.best_epoch < config.patience:
        started = time.perf_counter()
        loss = _run_epoch(run, network, optimiser, state.epoch, progress)
        precision = _validate(run, network)
        state.finish_epoch(loss, precision, time.perf_counter() - started)
        if checkpoint is not None:
            state.save(checkpoint)
    progress.reach(1.0)

    network.load_state_dict(state.best)
    with torch.no_grad():
        network.classify.bias.add_(run.logit_correction)
    return TrainedSage(network.to_weights(), _metrics(run, state))


@dataclass(slots=True)
class _Progress:
    """Turns the share of the planned work that is done into steps of ``PROGRESS_TOTAL``."""

    advance: Advance | None
    reported: float = 0.0

    def reach(self, share: float) -> None:
        if self.advance is not None:
            self.advance(PROGRESS_TOTAL * share - self.reported)
            self.reported = PROGRESS_TOTAL * share


def _run_epoch(
    run: _Run, network: EdgeSage, optimiser: torch.optim.Optimizer, epoch: int, progress: _Progress
) -> float:
    """One pass over all frauds and this epoch's draw of genuine transactions; returns the mean loss."""
    random = np.random.default_rng([run.seed, epoch])
    drawn = random.choice(run.negatives, size=run.drawn, replace=False)
    rows = random.permutation(np.concatenate([run.positives, drawn]))
    weight = torch.tensor(run.config.positive_weight, device=run.device)
    total = 0.0
    for step in range(run.steps_per_epoch):
        batch = rows[step * run.config.batch_size : (step + 1) * run.config.batch_size]
        share = (epoch * run.steps_per_epoch + step + 1) / (run.config.epochs * run.steps_per_epoch)
        _set_learning_rate(run.config, optimiser, share)
        _, logit = network.forward_dense(
            run.neighbourhoods.gather(batch), _kept_slots(run.config, random, len(batch))
        )
        target = torch.from_numpy(run.label[batch].astype(np.float32)).to(run.device)
        loss = functional.binary_cross_entropy_with_logits(logit, target, pos_weight=weight)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_NORM)
        optimiser.step()
        total += float(loss.detach()) * len(batch)
        progress.reach(share)
    return total / len(rows)


def _kept_slots(config: SageConfig, random: np.random.Generator, n: int) -> NDArray[np.bool_]:
    """Neighbour dropout: [n, 4, K], false where a slot is left out."""
    warm = random.random((n, len(ROLES), 1), dtype=np.float32) >= config.cold_end_rate
    kept: NDArray[np.bool_] = random.random((n, len(ROLES), FANOUT), dtype=np.float32) >= config.slot_dropout
    return warm & kept


def _set_learning_rate(config: SageConfig, optimiser: torch.optim.Optimizer, share: float) -> None:
    """Linear warm-up, then half a cosine down to zero at the last planned step."""
    factor = min(share / _WARM_UP, 1.0) * 0.5 * (1.0 + math.cos(math.pi * share))
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * factor


def _validate(run: _Run, network: EdgeSage) -> float:
    """Average precision of the network as it would be served."""
    _, logit = embed_neighbourhoods(network.to_weights(), run.neighbourhoods, run.validation_rows)
    return float(average_precision_score(run.label[run.validation_rows] == 1, logit))


def _metrics(run: _Run, state: TrainingState) -> TrainingMetrics:
    epochs = tuple(
        EpochMetrics(i + 1, loss, precision, seconds)
        for i, (loss, precision, seconds) in enumerate(state.log)
    )
    return TrainingMetrics(
        epochs=epochs,
        best_epoch=state.best_epoch,
        best_validation_average_precision=state.best_precision,
        train_rows=len(run.train_rows),
        train_frauds=len(run.positives),
        validation_rows=len(run.validation_rows),
        validation_frauds=int((run.label[run.validation_rows] == 1).sum()),
        device=run.device.type,
        seed=run.seed,
    )
