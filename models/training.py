"""Fits every part on one history and writes one artefact: replay, GraphSAGE, booster, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
import xgboost
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from data.admission import ReadOptions
from data.canonical import read_transactions
from data.timeline import known_at, microseconds
from data.tokenise import tokenise_table
from fraud.errors import InputError
from fraud.instant import parse_instant
from fraud.progress import stage
from fraud.settings import Settings
from fraud.tokens import Tokeniser
from gnn.layout import EMBEDDING
from gnn.serving import embed_history
from gnn.training import PROGRESS_TOTAL, Device, SageConfig, TrainedSage
from gnn.training import fit as fit_sage
from gnn.weights import SageWeights
from graph.features import RING_NAMES
from graph.layout import DAY
from graph.online import OnlineGraph
from models.artefact import DataSpan, input_names, save_artefact
from models.booster import BoosterConfig, fit_with_or_without, margin_of
from models.calibration import Calibration, fit_calibration
from models.history import History, replay_history
from models.periods import Periods, cut_periods
from models.ring_history import marks_of_past
from models.ring_rows import LOOK_SHARE
from models.ring_training import Chances, Confirmed, Past, learn_rings, past_of, ring_chances
from models.row_prior import row_prior
from models.thresholds import Thresholds, choose_thresholds, share_cut

__all__ = ["TrainingResult", "command", "train"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What ``train`` made."""

    version: str
    metrics: dict[str, Any]
    thresholds: Thresholds


def train(
    frame: pd.DataFrame,
    out: Path,
    settings: Settings,
    *,
    until: datetime | None = None,
    device: Device = "auto",
    seed: int = 0,
    sage_config: SageConfig | None = None,
    booster_config: BoosterConfig | None = None,
) -> TrainingResult:
    """Fit on the transactions of a tokenised canonical table before ``until``, with the labels known by then.

    Periods follow one another in time (``models.periods``). An interrupted GraphSAGE training goes on from its
    checkpoint beside ``out``. Raises InputError when there is too little to learn from.
    """
    past = _before(frame, until)
    end = until or _just_after(past)
    label = known_at(past, end)
    periods = cut_periods(label)
    known_by_then = _hide_labels_after(past, end)
    with stage("Replay history through the online graph", total=2 * len(past)) as advance:
        graph = OnlineGraph.within(settings.online, detecting=False)
        history = replay_history(known_by_then, graph, advance=advance)
    ringed = past_of(past, history, Confirmed.of(past, label), int(periods.sage[0]))
    with stage("Learn which payments look like a ring's"):
        chances = ring_chances(ringed, seed, prior=row_prior())
    if ringed is not None and chances is not None:
        with stage("Replay history with what the ring desk would have said", total=2 * len(past)) as advance:
            marks = marks_of_past(ringed, chances.of_row, seed)
            graph = OnlineGraph.within(settings.online, detecting=False)
            replay_history(known_by_then, graph, marks=marks, into=history, advance=advance)
    checkpoint = out.with_name(f".{out.name}.sage-checkpoint")
    with stage("Train GraphSAGE", total=PROGRESS_TOTAL) as advance:
        sage = fit_sage(
            history.neighbours, label, periods.sage, periods.sage_check, sage_config,
            device=device, seed=seed, checkpoint=checkpoint, advance=advance,
        )  # fmt: skip
    config = booster_config or BoosterConfig()
    with stage("Train the booster", total=2 * config.trees) as advance:
        booster = train_booster(history, label, periods, sage.weights, config, seed, lambda _: advance())
    result = _finish(
        past, history, label, periods, sage, booster, (ringed, chances), config, settings, seed, out
    )
    checkpoint.unlink(missing_ok=True)
    return result


def booster_inputs(
    history: History, rows: NDArray[np.int64], sage: SageWeights | None
) -> NDArray[np.float32]:
    """Columns of the booster for past events: features, then embedding and logit of ``sage`` where given."""
    features = history.features[rows]
    if sage is None:
        return features
    embedding, logit = embed_history(sage, history.neighbours, rows)
    return np.concatenate([features, embedding, logit[:, None]], axis=1)


def train_booster(
    history: History,
    label: NDArray[np.int8],
    periods: Periods,
    sage: SageWeights,
    config: BoosterConfig,
    seed: int,
    on_round: Callable[[int], None] | None = None,
) -> xgboost.Booster:
    """Fit the booster on all labelled rows before validation; rows whose labels GraphSAGE saw lack its columns.

    It sees what the ring desk said of accounts where one that does was better on the validation days.
    """
    early = np.concatenate([periods.sage, periods.sage_check])
    unseen = booster_inputs(history, periods.booster, sage)
    blank = np.full((len(early), EMBEDDING + 1), np.nan, np.float32)
    inputs = np.concatenate([np.concatenate([history.features[early], blank], axis=1), unseen])
    known = label[np.concatenate([early, periods.booster])]
    validation = booster_inputs(history, periods.validation, sage), label[periods.validation]
    return fit_with_or_without(
        RING_NAMES, inputs, known, input_names(True), config,
        validation=validation, seed=seed, on_round=on_round,
    )  # fmt: skip


def _finish(
    past: pd.DataFrame,
    history: History,
    label: NDArray[np.int8],
    periods: Periods,
    sage: TrainedSage,
    booster: xgboost.Booster,
    ringed: tuple[Past | None, Chances | None],
    config: BoosterConfig,
    settings: Settings,
    seed: int,
    out: Path,
) -> TrainingResult:
    rows = periods.validation
    amount = past["amount"].to_numpy(np.float64)[rows]
    y = label[rows]
    calibration, thresholds, score = _calibrate(
        margin_of(booster, booster_inputs(history, rows, sage.weights)),
        y, amount, history.time[rows] // DAY, settings,
    )  # fmt: skip
    with stage("Learn of rings"):
        rings = learn_rings(*ringed, share_cut(score, LOOK_SHARE), seed)
    metrics = {
        "validation": {
            "average_precision": float(average_precision_score(y, score)),
            "auc": float(roc_auc_score(y, score)),
            "brier": float(brier_score_loss(y, score)),
        },
        "sage": asdict(sage.metrics),
        "rows": {
            name: len(getattr(periods, name)) for name in ("sage", "sage_check", "booster", "validation")
        },
        "trees": booster.num_boosted_rounds(),
        "sees_ring_score": bool(set(RING_NAMES) & booster.get_score().keys()),
    }
    version = save_artefact(
        out,
        booster=booster,
        calibration=calibration,
        thresholds=thresholds,
        sage=sage.weights,
        rings=rings,
        data_span=_span(past, label),
        seeds={"seed": seed},
        settings={"booster": config.model_dump(), "costs": settings.costs.model_dump(),
                  "capacity": settings.capacity.model_dump(), "online": settings.online.model_dump()},
        metrics=metrics,
    )  # fmt: skip
    return TrainingResult(version, metrics, thresholds)


def _calibrate(
    margin: NDArray[np.float32],
    y: NDArray[np.int8],
    amount: NDArray[np.float64],
    day: NDArray[np.int64],
    settings: Settings,
) -> tuple[Calibration, Thresholds, NDArray[np.float64]]:
    calibration = fit_calibration(margin, y)
    score = calibration.apply(margin)
    return calibration, choose_thresholds(score, y, amount, day, settings.costs, settings.capacity), score


def _before(frame: pd.DataFrame, until: datetime | None) -> pd.DataFrame:
    if until is None:
        return frame
    past = frame[frame["event_time"] < pd.Timestamp(until)]
    if past.empty:
        first = frame["event_time"].iloc[0].isoformat()
        raise InputError(f"--until: no transaction before {until.isoformat()}; the file begins at {first}")
    return past


def _just_after(frame: pd.DataFrame) -> datetime:
    moment: datetime = (frame["event_time"].iloc[-1] + pd.Timedelta(microseconds=1)).to_pydatetime()
    return moment


def _hide_labels_after(past: pd.DataFrame, end: datetime) -> pd.DataFrame:
    """Labels reported at or after ``end`` are not known yet, to the state as to the loss."""
    late = past["label_time"] >= pd.Timestamp(end)
    return past.assign(reported_fraud=past["reported_fraud"].where(~late, -1).astype(np.int8))


def _span(past: pd.DataFrame, label: NDArray[np.int8]) -> DataSpan:
    times = microseconds(past["event_time"])
    first, last = (datetime.fromtimestamp(int(t) / 1e6, UTC).isoformat() for t in (times[0], times[-1]))
    return DataSpan(start=first, end=last, transactions=len(past), known_frauds=int((label == 1).sum()))


def command(
    transactions: Annotated[Path, typer.Option(help="Canonical file: .csv, .csv.gz or .parquet.")],
    out: Annotated[Path, typer.Option(help="Artefact folder to write.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_instant,
            metavar="TIME",
            help="Train on what was known before this time (ISO-8601, UTC).",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where GraphSAGE trains: auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Fit every part on a transaction file and write one versioned artefact folder with its metrics.json."""
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device: {device} is none of auto, cpu, cuda")
    settings = Settings.load()
    frame = read_transactions(
        transactions,
        ReadOptions.from_settings(settings),
    )
    result = train(
        tokenise_table(frame, Tokeniser.from_settings(settings)), out, settings,
        until=until, device=device, seed=seed,  # type: ignore[arg-type]
    )  # fmt: skip
    validation = result.metrics["validation"]
    print(f"Model {result.version} in {out}")
    print(f"Validation: average precision {validation['average_precision']:.3f}, AUC {validation['auc']:.3f}")
    print(result.thresholds.explain())
