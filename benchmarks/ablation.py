"""What each part adds on the simulator: tabular, online graph, GraphSAGE, and both kinds of neighbourhood.

Protocol: worlds of several seeds; everything learns from the transactions before a cut and the labels known by then,
stops and tunes on the last part of that history, and is judged once on the days after the cut, against the truth.
Run alone: ``python -m benchmarks.ablation``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.results import machine, write_section
from data.canonical import read_transactions
from data.simulate import simulate
from data.timeline import known_at
from fraud.progress import stage
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhoods, ResampledNeighbourhoods
from gnn.serving import embed_neighbourhoods
from gnn.training import SageConfig
from gnn.training import fit as fit_sage
from gnn.weights import SageWeights
from graph.features import FEATURE_NAMES, TABULAR_NAMES
from graph.online import OnlineGraph
from models.artefact import SAGE_NAMES
from models.booster import BoosterConfig, fit_booster, margin_of
from models.history import History, replay_history
from models.periods import Periods, cut_periods

DAYS, ACCOUNTS = 60, 3_000
TEST_DAYS = 15
SEEDS = (1, 2, 3)
START = date(2025, 9, 1)

TABULAR = [FEATURE_NAMES.index(name) for name in TABULAR_NAMES]


@dataclass(frozen=True, slots=True)
class Trial:
    """One world, cut in time."""

    history: History
    label: NDArray[np.int8]
    """What was known at the cut; −1 otherwise."""
    truth: NDArray[np.bool_]
    periods: Periods
    test: NDArray[np.int64]
    seed: int


Figures = tuple[float, float]


def main() -> None:
    """Run every row for every seed, print the table and write its section."""
    rows: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory() as folder, stage("Ablation", total=len(SEEDS)) as advance:
        for seed in SEEDS:
            for name, figures in _all_rows(_trial(Path(folder) / str(seed), seed)):
                rows.setdefault(name, []).append(figures)
            advance()
    text = _render(rows)
    print(text)
    write_section("ablation", text)


def _trial(folder: Path, seed: int) -> Trial:
    frame = read_transactions(
        simulate(folder, days=DAYS, accounts=ACCOUNTS, seed=seed, start=START).transactions
    )
    until = datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=DAYS - TEST_DAYS)
    before = (frame["event_time"] < pd.Timestamp(until)).to_numpy()
    label = np.where(before, known_at(frame, until), -1).astype(np.int8)
    return Trial(
        history=replay_history(frame, OnlineGraph()),
        label=label,
        truth=frame["is_fraud"].to_numpy() == 1,
        periods=cut_periods(label[before]),
        test=np.flatnonzero(~before),
        seed=seed,
    )


def _all_rows(trial: Trial) -> list[tuple[str, Figures]]:
    edge_time = EdgeTimeNeighbourhoods(trial.history.neighbours)
    needed = np.concatenate([trial.periods.sage, trial.periods.sage_check, trial.periods.booster,
                             trial.periods.validation, trial.test])  # fmt: skip
    resampled = ResampledNeighbourhoods(trial.history.neighbours, trial.history.ends, needed)
    sage = _fit_sage(trial, edge_time)
    again = _fit_sage(trial, resampled)
    everything = list(range(len(FEATURE_NAMES)))
    return [
        ("tabular only", _boosted(trial, TABULAR, None)),
        ("tabular + GraphSAGE", _boosted(trial, TABULAR, (sage, edge_time))),
        ("tabular + online graph", _boosted(trial, everything, None)),
        ("tabular + online graph + GraphSAGE (all)", _boosted(trial, everything, (sage, edge_time))),
        ("all, hop 2 resampled", _boosted(trial, everything, (again, resampled))),
        ("GraphSAGE alone", _plain(trial, sage, edge_time)),
        ("GraphSAGE alone, hop 2 resampled", _plain(trial, again, resampled)),
    ]


def _fit_sage(trial: Trial, neighbourhoods: Neighbourhoods) -> SageWeights:
    return fit_sage(
        trial.history.neighbours, trial.label, trial.periods.sage, trial.periods.sage_check, SageConfig(),
        device="cpu", seed=trial.seed, neighbourhoods=neighbourhoods,
    ).weights  # fmt: skip


def _boosted(trial: Trial, columns: list[int], sage: tuple[SageWeights, Neighbourhoods] | None) -> Figures:
    """The booster as ``models.training`` fits it: embeddings only where their network saw no label."""
    periods = trial.periods
    early = np.concatenate([periods.sage, periods.sage_check])
    inputs = _inputs(trial, columns, sage)
    names = [FEATURE_NAMES[column] for column in columns] + ([] if sage is None else list(SAGE_NAMES))
    blank = np.full((len(early), 0 if sage is None else len(SAGE_NAMES)), np.nan, np.float32)
    first = np.concatenate([trial.history.features[early][:, columns], blank], axis=1)
    rows = np.concatenate([early, periods.booster])
    booster = fit_booster(
        np.concatenate([first, inputs(periods.booster)]), trial.label[rows], names, BoosterConfig(),
        validation=(inputs(periods.validation), trial.label[periods.validation]), seed=trial.seed,
    )  # fmt: skip
    return _figures(trial, margin_of(booster, inputs(trial.test)))


def _inputs(
    trial: Trial, columns: list[int], sage: tuple[SageWeights, Neighbourhoods] | None
) -> Callable[[NDArray[np.int64]], NDArray[np.float32]]:
    def of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        features = trial.history.features[rows][:, columns]
        if sage is None:
            return features
        embedding, logit = embed_neighbourhoods(*sage, rows)
        return np.concatenate([features, embedding, logit[:, None]], axis=1)

    return of


def _plain(trial: Trial, weights: SageWeights, neighbourhoods: Neighbourhoods) -> Figures:
    return _figures(trial, embed_neighbourhoods(weights, neighbourhoods, trial.test)[1])


def _figures(trial: Trial, score: NDArray[np.float32]) -> Figures:
    truth = trial.truth[trial.test]
    return float(average_precision_score(truth, score)), float(roc_auc_score(truth, score))


def _render(rows: dict[str, list[Figures]]) -> str:
    lines = [
        "## Ablation on the simulator",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.ablation`, {machine('xgboost', 'torch')}. Worlds of {DAYS} "
        f"days and {ACCOUNTS:,} accounts, seeds {', '.join(map(str, SEEDS))}; judged on the last {TEST_DAYS} days, "
        "mean ± standard deviation over seeds.",
        "",
        "| parts | average precision | AUC |",
        "|---|---|---|",
    ]
    for name, figures in rows.items():
        (ap, auc), (ap_sd, auc_sd) = np.mean(figures, axis=0), np.std(figures, axis=0)
        lines.append(f"| {name} | {ap:.3f} ± {ap_sd:.3f} | {auc:.3f} ± {auc_sd:.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
