"""What each part adds on the simulator: tabular, online graph, motifs, GraphSAGE, and both kinds of neighbourhood.

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
from graph.features import FEATURE_NAMES, MOTIF_NAMES, TABULAR_NAMES
from graph.online import OnlineGraph
from models.artefact import SAGE_NAMES
from models.booster import BoosterConfig, fit_booster, margin_of
from models.bootstrap import Bootstrap, Estimate
from models.history import History, replay_history
from models.periods import Periods, cut_periods

DAYS, ACCOUNTS = 60, 3_000
TEST_DAYS = 15
SEEDS = (1, 2, 3)
START = date(2025, 9, 1)

TABULAR = [FEATURE_NAMES.index(name) for name in TABULAR_NAMES]
ONLINE = [place for place, name in enumerate(FEATURE_NAMES) if name not in MOTIF_NAMES]
EVERYTHING = list(range(len(FEATURE_NAMES)))

LAUNDERING = ("mule_fan_in", "mule_fan_out", "scatter_gather", "round_trip")
"""Kinds of ring that move money between accounts: what motifs are for."""
WITHOUT, WITH = "tabular + online graph", "tabular + online graph + motifs"
ROUNDS = 500
"""Of the bootstrap of what motifs gain."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One world, cut in time."""

    history: History
    label: NDArray[np.int8]
    """What was known at the cut; −1 otherwise."""
    truth: NDArray[np.bool_]
    periods: Periods
    test: NDArray[np.int64]
    account: NDArray[np.object_]
    laundering: NDArray[np.bool_]
    """Payments of the rings that move money."""
    seed: int


Figures = tuple[float, float, float]
"""Average precision and AUC of all fraud, average precision of laundering among it and the payments of nobody's fraud.
"""


def main() -> None:
    """Run every row for every seed, print the table and write its section."""
    scores: dict[str, list[NDArray[np.float32]]] = {}
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as folder, stage("Ablation", total=len(SEEDS)) as advance:
        for seed in SEEDS:
            trials.append(_trial(Path(folder) / str(seed), seed))
            for name, score in _all_rows(trials[-1]):
                scores.setdefault(name, []).append(score)
            advance()
    rows = {
        name: [_figures(trial, one) for trial, one in zip(trials, given, strict=True)]
        for name, given in scores.items()
    }
    text = _render(rows, _gain(trials, scores[WITHOUT], scores[WITH]))
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
        account=frame["account_id"].to_numpy(dtype=object),
        laundering=frame["fraud_type"].isin(LAUNDERING).to_numpy(),
        seed=seed,
    )


def _all_rows(trial: Trial) -> list[tuple[str, NDArray[np.float32]]]:
    edge_time = EdgeTimeNeighbourhoods(trial.history.neighbours)
    needed = np.concatenate([trial.periods.sage, trial.periods.sage_check, trial.periods.booster,
                             trial.periods.validation, trial.test])  # fmt: skip
    resampled = ResampledNeighbourhoods(trial.history.neighbours, trial.history.ends, needed)
    sage = _fit_sage(trial, edge_time)
    again = _fit_sage(trial, resampled)
    return [
        ("tabular only", _boosted(trial, TABULAR, None)),
        ("tabular + GraphSAGE", _boosted(trial, TABULAR, (sage, edge_time))),
        (WITHOUT, _boosted(trial, ONLINE, None)),
        (WITH, _boosted(trial, EVERYTHING, None)),
        ("tabular + online graph + GraphSAGE", _boosted(trial, ONLINE, (sage, edge_time))),
        ("tabular + online graph + motifs + GraphSAGE (all)", _boosted(trial, EVERYTHING, (sage, edge_time))),
        ("all, hop 2 resampled", _boosted(trial, EVERYTHING, (again, resampled))),
        ("GraphSAGE alone", embed_neighbourhoods(sage, edge_time, trial.test)[1]),
        ("GraphSAGE alone, hop 2 resampled", embed_neighbourhoods(again, resampled, trial.test)[1]),
    ]


def _fit_sage(trial: Trial, neighbourhoods: Neighbourhoods) -> SageWeights:
    return fit_sage(
        trial.history.neighbours, trial.label, trial.periods.sage, trial.periods.sage_check, SageConfig(),
        device="cpu", seed=trial.seed, neighbourhoods=neighbourhoods,
    ).weights  # fmt: skip


def _boosted(
    trial: Trial, columns: list[int], sage: tuple[SageWeights, Neighbourhoods] | None
) -> NDArray[np.float32]:
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
    return margin_of(booster, inputs(trial.test))


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


def _figures(trial: Trial, score: NDArray[np.float32]) -> Figures:
    truth = trial.truth[trial.test]
    return (
        float(average_precision_score(truth, score)),
        float(roc_auc_score(truth, score)),
        _laundering(trial, score, np.ones(len(score))),
    )


def _laundering(trial: Trial, score: NDArray[np.float32], weight: NDArray[np.float64]) -> float:
    """Average precision of laundering, other kinds of fraud left out."""
    laundering = trial.laundering[trial.test]
    judged = laundering | ~trial.truth[trial.test]
    return float(average_precision_score(laundering[judged], score[judged], sample_weight=weight[judged]))


def _gain(
    trials: list[Trial], without: list[NDArray[np.float32]], with_: list[NDArray[np.float32]]
) -> Estimate:
    """What motifs add to the average precision of laundering, mean over worlds, accounts drawn anew."""
    block = np.concatenate([[f"{trial.seed} {one}" for one in trial.account[trial.test]] for trial in trials])
    ends = np.cumsum([len(trial.test) for trial in trials])[:-1]

    def gain(weight: NDArray[np.float64] | None) -> float:
        weights = np.split(np.ones(len(block)) if weight is None else weight, ends)
        return float(
            np.mean(
                [
                    _laundering(trial, more, one) - _laundering(trial, less, one)
                    for trial, less, more, one in zip(trials, without, with_, weights, strict=True)
                ]
            )
        )

    return Bootstrap(block, ROUNDS, seed=0).estimate(gain)


def _render(rows: dict[str, list[Figures]], gain: Estimate) -> str:
    lines = [
        "## Ablation on the simulator",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.ablation`, {machine('xgboost', 'torch')}. Worlds of {DAYS} "
        f"days and {ACCOUNTS:,} accounts, seeds {', '.join(map(str, SEEDS))}; judged on the last {TEST_DAYS} days, "
        f"mean ± standard deviation over seeds. Laundering: {', '.join(LAUNDERING)}, against the payments of nobody's "
        "fraud.",
        "",
        "| parts | average precision | AUC | average precision of laundering |",
        "|---|---|---|---|",
    ]
    for name, figures in rows.items():
        cells = zip(np.mean(figures, axis=0), np.std(figures, axis=0), strict=True)
        lines.append(f"| {name} | {' | '.join(f'{mean:.3f} ± {spread:.3f}' for mean, spread in cells)} |")
    lines += [
        "",
        f"Motifs add {gain.value:+.3f} to the average precision of laundering over the online graph alone, mean over "
        f"seeds; 95 % interval {gain.low:+.3f} to {gain.high:+.3f}, accounts drawn anew {ROUNDS} times.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
