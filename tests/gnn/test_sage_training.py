from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

import gnn.training
from fraud.errors import ArtefactError, InputError
from gnn.neighbourhood import ResampledNeighbourhoods
from gnn.serving import embed_history
from gnn.training import PROGRESS_TOTAL, SageConfig, TrainedSage, fit
from gnn.weights import SageWeights
from tests.gnn.random_history import Replay, random_replay

TRAIN, VALIDATION, TEST = np.arange(200, 1600), np.arange(1600, 2000), np.arange(2000, 2600)
CONFIG = SageConfig(epochs=6, batch_size=64, learning_rate=1e-2)


@pytest.fixture(scope="module")
def replay() -> Replay:
    return random_replay(2600, seed=7)


def train(
    replay: Replay, checkpoint: Path | None = None, seed: int = 0, config: SageConfig = CONFIG
) -> TrainedSage:
    return fit(
        replay.history,
        replay.label,
        TRAIN,
        VALIDATION,
        config,
        device="cpu",
        seed=seed,
        checkpoint=checkpoint,
    )


@pytest.fixture(scope="module")
def trained(replay: Replay) -> TrainedSage:
    return train(replay)


def same(left: SageWeights, right: SageWeights) -> bool:
    return all(left.arrays[name].tobytes() == right.arrays[name].tobytes() for name in left.arrays)


def test_it_learns_and_serves_what_it_learned(replay: Replay, trained: TrainedSage) -> None:
    _, logit = embed_history(trained.weights, replay.history, TEST)
    fraud = replay.label[TEST] == 1
    assert average_precision_score(fraud, logit) > 0.8 > 3 * fraud.mean()
    assert trained.metrics.best_validation_average_precision == max(
        epoch.validation_average_precision for epoch in trained.metrics.epochs
    )
    assert trained.metrics.epochs[-1].loss < trained.metrics.epochs[0].loss


def test_drawing_fewer_negatives_and_weighting_do_not_shift_the_probabilities(replay: Replay) -> None:
    config = replace(CONFIG, negatives_per_positive=2.0, positive_weight=3.0)
    _, logit = embed_history(train(replay, config=config).weights, replay.history, TEST)
    expected = (1.0 / (1.0 + np.exp(-logit.astype(np.float64)))).mean()
    assert expected == pytest.approx((replay.label[TEST] == 1).mean(), rel=0.5)


def test_two_trainings_give_the_same_weights(replay: Replay, trained: TrainedSage) -> None:
    assert same(train(replay).weights, trained.weights)
    assert not same(train(replay, seed=1).weights, trained.weights)


def test_training_leaves_torch_as_it_was(replay: Replay) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(replay, config=replace(CONFIG, epochs=1))
    torch.testing.assert_close(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()


class Killed(BaseException):
    pass


def test_a_killed_training_goes_on_to_the_same_weights(
    replay: Replay, trained: TrainedSage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "training.safetensors"
    steps = 0

    def advance(amount: float = 1) -> None:
        nonlocal steps
        steps += 1
        if steps == 60:
            raise Killed

    with pytest.raises(Killed):
        fit(
            replay.history,
            replay.label,
            TRAIN,
            VALIDATION,
            CONFIG,
            device="cpu",
            checkpoint=checkpoint,
            advance=advance,
        )
    epochs: list[int] = []
    run_epoch = gnn.training._run_epoch

    def counted(*arguments: object) -> float:
        epochs.append(arguments[3])  # type: ignore[arg-type]
        return run_epoch(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(gnn.training, "_run_epoch", counted)
    resumed = train(replay, checkpoint)
    assert epochs and epochs[0] > 0
    assert same(resumed.weights, trained.weights)
    assert [e.validation_average_precision for e in resumed.metrics.epochs] == [
        e.validation_average_precision for e in trained.metrics.epochs
    ]
    assert same(train(replay, checkpoint).weights, trained.weights)


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(replay: Replay, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.safetensors"
    config = replace(CONFIG, epochs=1)
    train(replay, checkpoint, config=config)
    with pytest.raises(ArtefactError, match="another training"):
        train(replay, checkpoint, seed=1, config=config)
    checkpoint.write_bytes(checkpoint.read_bytes()[:200])
    with pytest.raises(ArtefactError, match="damaged"):
        train(replay, checkpoint, config=config)


def test_it_stops_early_and_reports_all_progress(replay: Replay) -> None:
    reported: list[float] = []

    def advance(amount: float = 1) -> None:
        reported.append(amount)

    config = replace(CONFIG, epochs=50, patience=2, learning_rate=0.02)
    metrics = fit(
        replay.history, replay.label, TRAIN, VALIDATION, config, device="cpu", advance=advance
    ).metrics
    assert len(metrics.epochs) < 50
    assert len(metrics.epochs) - metrics.best_epoch == 2
    assert sum(reported) == pytest.approx(PROGRESS_TOTAL)


def test_rows_of_unknown_label_are_left_out(replay: Replay) -> None:
    label = replay.label.copy()
    label[TRAIN[::2]] = -1
    config = replace(CONFIG, epochs=1)
    metrics = fit(replay.history, label, TRAIN, VALIDATION, config, device="cpu").metrics
    assert metrics.train_rows == len(TRAIN) // 2


def test_resampled_neighbourhoods_can_be_trained_on(replay: Replay) -> None:
    resampled = ResampledNeighbourhoods(replay.history, replay.ends, np.concatenate([TRAIN, VALIDATION]))
    trained = fit(
        replay.history,
        replay.label,
        TRAIN,
        VALIDATION,
        CONFIG,
        device="cpu",
        neighbourhoods=resampled,
    )
    assert trained.metrics.best_validation_average_precision > 0.8


def test_a_period_of_one_kind_is_refused(replay: Replay) -> None:
    with pytest.raises(InputError, match="validation_rows: 0 frauds"):
        fit(
            replay.history,
            np.where(np.arange(2600) < 1600, replay.label, 0).astype(np.int8),
            TRAIN,
            VALIDATION,
        )


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"learning_rate": 0.0}, {"cold_end_rate": 1.0}, {"negatives_per_positive": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        SageConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_cuda_without_a_gpu_is_refused(replay: Replay) -> None:
    with pytest.raises(InputError, match="no GPU"):
        fit(replay.history, replay.label, TRAIN, VALIDATION, CONFIG, device="cuda")
