"""What each part adds on the simulator: tabular, online graph, motifs, ring score, GraphSAGE, and both neighbourhoods.

Protocol: worlds of several seeds; everything learns from the transactions before a cut and the labels known by then,
stops and tunes on the last part of that history, and is judged once on the days after the cut, against the truth.
Until the cut the ring desk is told and judges as in training, after it as in service. The worlds are none of those
whose groups are shipped. Run alone: ``python -m benchmarks.ablation``; seed by seed with ``--folder`` and ``--seeds``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.results import machine, write_section
from data.canonical import read_transactions
from data.simulate import simulate
from data.timeline import known_at
from fraud.errors import InputError
from fraud.progress import stage
from gnn.neighbourhood import EdgeTimeNeighbourhoods, Neighbourhoods, ResampledNeighbourhoods
from gnn.serving import embed_neighbourhoods
from gnn.training import SageConfig
from gnn.training import fit as fit_sage
from gnn.weights import SageWeights
from graph.features import FEATURE_NAMES, MOTIF_NAMES, RING_NAMES, TABULAR_NAMES
from graph.finding import Finding
from graph.online import OnlineGraph
from graph.ring_mark import RingMark
from graph.rings import RingWatch
from graph.suspects import Suspect
from models.artefact import SAGE_NAMES
from models.booster import BoosterConfig, fit_booster, margin_of
from models.bootstrap import Bootstrap, Estimate
from models.history import History, replay_history
from models.periods import Periods, cut_periods
from models.ring_history import marks_of, prior_judge
from models.ring_rows import ring_probability
from models.ring_training import Confirmed, learn_rings, past_of, ring_chances, suspicions_of, told_from
from models.row_prior import row_prior

DAYS, ACCOUNTS = 60, 3_000
TEST_DAYS = 15
SEEDS = (2, 4, 6)
START = date(2025, 9, 1)

TABULAR = [FEATURE_NAMES.index(name) for name in TABULAR_NAMES]
ONLINE = [place for place, name in enumerate(FEATURE_NAMES) if name not in MOTIF_NAMES + RING_NAMES]
MOTIFS = [place for place, name in enumerate(FEATURE_NAMES) if name not in RING_NAMES]
EVERYTHING = list(range(len(FEATURE_NAMES)))

LAUNDERING = ("mule_fan_in", "mule_fan_out", "scatter_gather", "round_trip")
"""Kinds of ring that move money between accounts: what motifs are for."""
WITHOUT, WITH = "tabular + online graph", "tabular + online graph + motifs"
RINGED = "tabular + online graph + motifs + ring score"
NO_RINGS, ALL = (
    "tabular + online graph + motifs + GraphSAGE",
    "all: tabular, online graph, motifs, ring score, GraphSAGE",
)
ROUNDS = 200
"""Of the bootstrap of what a part gains."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One world, cut in time."""

    history: History
    label: NDArray[np.int8]
    """What was known at the cut; −1 otherwise."""
    periods: Periods
    test: NDArray[np.int64]
    seed: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The test days of one world, and what every row of the table said of them."""

    truth: NDArray[np.bool_]
    laundering: NDArray[np.bool_]
    """Payments of the rings that move money."""
    of_ring: NDArray[np.bool_]
    """Frauds of any ring."""
    account: NDArray[np.str_]
    marked: NDArray[np.bool_]
    """Payments of which either end had a ring score."""
    scores: dict[str, NDArray[np.float32]]

    @classmethod
    def of(
        cls, test: pd.DataFrame, marked: NDArray[np.bool_], scores: dict[str, NDArray[np.float32]]
    ) -> Judged:
        """The judged payments with their truth."""
        truth = test["is_fraud"].to_numpy() == 1
        return cls(
            truth=truth,
            laundering=test["fraud_type"].isin(LAUNDERING).to_numpy(),
            of_ring=truth & test["ring_id"].notna().to_numpy(),
            account=test["account_id"].to_numpy(dtype=np.str_),
            marked=marked,
            scores=scores,
        )

    def save(self, path: Path) -> None:
        """Keep it for ``load``."""
        kept: dict[str, Any] = {f"score {name}": one for name, one in self.scores.items()}
        np.savez(path, **kept, **{name: getattr(self, name) for name in JUDGED})

    @classmethod
    def load(cls, path: Path) -> Judged:
        """What ``save`` kept."""
        with np.load(path) as held:
            scores = {name[6:]: held[name] for name in held.files if name.startswith("score ")}
            return cls(**{name: held[name] for name in JUDGED}, scores=scores)


JUDGED = ("truth", "laundering", "of_ring", "account", "marked")

Figures = tuple[float, float, float, float]
"""Average precision and AUC of all fraud; average precision of laundering, and of rings' fraud, each among it and the
payments that are no fraud."""

Measure = Callable[[Judged, NDArray[np.float32], NDArray[np.float64]], float]


def main(seeds: tuple[int, ...], folder: Path, *, networks: bool) -> None:
    """Run every row for every seed that ``folder`` lacks; with all of them, print the table and write its section."""
    worlds = run_missing("Ablation", seeds, folder, partial(_run, networks=networks))
    if tuple(seeds) != SEEDS:
        return
    text = _render(worlds, networks=networks)
    print(text)
    write_section("ablation" if networks else "ring-score", text)


def run_missing(title: str, seeds: Sequence[int], folder: Path, run: Callable[[int], Judged]) -> list[Judged]:
    """What each seed gave: kept in ``folder``, and run where it is not there yet."""
    with stage(title, total=len(seeds)) as advance:
        for seed in seeds:
            if not (folder / f"{seed}.npz").exists():
                run(seed).save(folder / f"{seed}.npz")
            advance()
    return [Judged.load(folder / f"{seed}.npz") for seed in seeds]


def cut_world(seed: int) -> tuple[pd.DataFrame, NDArray[np.bool_], NDArray[np.int8]]:
    """A world, which of its payments lie before the cut, and what was known of them then; -1 otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        frame = read_transactions(
            simulate(Path(folder), days=DAYS, accounts=ACCOUNTS, seed=seed, start=START).transactions
        )
    until = datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=DAYS - TEST_DAYS)
    before = (frame["event_time"] < pd.Timestamp(until)).to_numpy()
    return frame, before, np.where(before, known_at(frame, until), -1).astype(np.int8)


def _run(seed: int, *, networks: bool) -> Judged:
    frame, before, label = cut_world(seed)
    history = replay_history(frame, OnlineGraph())
    trial = Trial(history, label, cut_periods(label[before]), np.flatnonzero(~before), seed)
    replay_history(frame, OnlineGraph(), marks=_marks(frame, trial), into=history)
    rings = history.features[trial.test][:, [FEATURE_NAMES.index(name) for name in RING_NAMES]]
    scores = dict(_boosters(trial) + (_networks(trial) if networks else []))
    return Judged.of(frame.iloc[trial.test], np.asarray(rings.any(axis=1)), scores)


def _marks(frame: pd.DataFrame, trial: Trial) -> list[RingMark]:
    """What the ring desk says of accounts, before the cut as in training, after it as in service."""
    history, cut = trial.history, int(trial.test[0])
    before = replace(
        history, features=history.features[:cut], ends=history.ends[:cut], time=history.time[:cut]
    )
    past = frame.iloc[:cut]
    ringed = past_of(past, before, Confirmed.of(past, trial.label[:cut]), int(trial.periods.sage[0]))
    chances = ring_chances(ringed, trial.seed, prior=row_prior())
    model = learn_rings(ringed, chances, 0.0, trial.seed)
    if ringed is None or chances is None or model is None:
        raise InputError(f"world {trial.seed}: too few rings to learn from")
    rules = model.rules
    watch = RingWatch(judge=prior_judge(rules.told_from, rules.base_rate, trial.seed))
    after = ring_probability(model.rows.booster, history.features[cut:])
    everything = np.concatenate([chances.of_row, after])
    least = np.where(np.arange(len(everything)) < cut, told_from(ringed, chances.of_row), rules.told_from)
    told = np.flatnonzero(everything >= least)

    def suspicions() -> Iterator[tuple[Suspect, tuple[Finding, ...]]]:
        yield from suspicions_of(frame, history, told[told < cut], everything)
        watch.judge = model.judge
        yield from suspicions_of(frame, history, told[told >= cut], everything)

    return marks_of(suspicions(), watch)


Row = tuple[str, NDArray[np.float32]]


def _boosters(trial: Trial) -> list[Row]:
    return [
        ("tabular only", _boosted(trial, TABULAR, None)),
        (WITHOUT, _boosted(trial, ONLINE, None)),
        (WITH, _boosted(trial, MOTIFS, None)),
        (RINGED, _boosted(trial, EVERYTHING, None)),
    ]


def _networks(trial: Trial) -> list[Row]:
    edge_time = EdgeTimeNeighbourhoods(trial.history.neighbours)
    needed = np.concatenate([trial.periods.sage, trial.periods.sage_check, trial.periods.booster,
                             trial.periods.validation, trial.test])  # fmt: skip
    resampled = ResampledNeighbourhoods(trial.history.neighbours, trial.history.ends, needed)
    sage = _fit_sage(trial, edge_time)
    again = _fit_sage(trial, resampled)
    return [
        ("tabular + GraphSAGE", _boosted(trial, TABULAR, (sage, edge_time))),
        ("tabular + online graph + GraphSAGE", _boosted(trial, ONLINE, (sage, edge_time))),
        (NO_RINGS, _boosted(trial, MOTIFS, (sage, edge_time))),
        (ALL, _boosted(trial, EVERYTHING, (sage, edge_time))),
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


def _figures(world: Judged, score: NDArray[np.float32]) -> Figures:
    even = np.ones(len(score))
    return (
        all_fraud(world, score, even),
        float(roc_auc_score(world.truth, score)),
        _laundering(world, score, even),
        of_rings(world, score, even),
    )


def all_fraud(world: Judged, score: NDArray[np.float32], weight: NDArray[np.float64]) -> float:
    """Average precision of all fraud."""
    return float(average_precision_score(world.truth, score, sample_weight=weight))


def _laundering(world: Judged, score: NDArray[np.float32], weight: NDArray[np.float64]) -> float:
    return _among(world, world.laundering, score, weight)


def of_rings(world: Judged, score: NDArray[np.float32], weight: NDArray[np.float64]) -> float:
    """Average precision of rings' fraud among it and the payments that are no fraud."""
    return _among(world, world.of_ring, score, weight)


def _among(
    world: Judged, kind: NDArray[np.bool_], score: NDArray[np.float32], weight: NDArray[np.float64]
) -> float:
    """Average precision of a kind of payment, other kinds of fraud left out."""
    judged = kind | ~world.truth
    return float(average_precision_score(kind[judged], score[judged], sample_weight=weight[judged]))


def gain(worlds: list[Judged], less: str, more: str, measure: Measure) -> Estimate:
    """What one row of the table has over another, mean over worlds, accounts drawn anew."""
    block = np.concatenate(
        [[f"{place} {one}" for one in world.account] for place, world in enumerate(worlds)]
    )
    ends = np.cumsum([len(world.truth) for world in worlds])[:-1]

    def mean_gain(weight: NDArray[np.float64] | None) -> float:
        weights = np.split(np.ones(len(block)) if weight is None else weight, ends)
        return float(
            np.mean(
                [
                    measure(world, world.scores[more], one) - measure(world, world.scores[less], one)
                    for world, one in zip(worlds, weights, strict=True)
                ]
            )
        )

    return Bootstrap(block, ROUNDS, seed=0).estimate(mean_gain)


def _render(worlds: list[Judged], *, networks: bool) -> str:
    title = "Ablation on the simulator" if networks else "What the ring score adds, without GraphSAGE"
    command = "python -m benchmarks.ablation" + ("" if networks else " --without-graphsage")
    lines = [
        f"## {title}",
        "",
        f"{date.today():%Y-%m-%d}, `{command}`, {machine('xgboost', 'torch')}. Worlds of {DAYS} "
        f"days and {ACCOUNTS:,} accounts, seeds {', '.join(map(str, SEEDS))}; judged on the last {TEST_DAYS} days, "
        f"mean ± standard deviation over seeds. Laundering: {', '.join(LAUNDERING)}. Laundering and rings' fraud are "
        "judged against the payments that are no fraud.",
        "",
        "| parts | average precision | AUC | average precision of laundering | average precision of rings' fraud |",
        "|---|---|---|---|---|",
    ]
    for name in worlds[0].scores:
        figures = [_figures(world, world.scores[name]) for world in worlds]
        cells = zip(np.mean(figures, axis=0), np.std(figures, axis=0), strict=True)
        lines.append(f"| {name} | {' | '.join(f'{mean:.3f} ± {spread:.3f}' for mean, spread in cells)} |")
    rings = np.mean([world.marked[world.of_ring].mean() for world in worlds])
    honest = np.mean([world.marked[~world.truth].mean() for world in worlds])
    lines += [
        "",
        f"95 % intervals below are of accounts drawn anew {ROUNDS} times. Motifs over the online graph alone: "
        f"{said(gain(worlds, WITHOUT, WITH, _laundering))} average precision of laundering.",
        "",
        f"The ring score over everything else but GraphSAGE: {_added(worlds, WITH, RINGED)}. "
        + (f"Over everything else: {_added(worlds, NO_RINGS, ALL)}. " if networks else "")
        + f"An end had one in {rings:.1%} of rings' frauds and in {honest:.2%} of the other payments.",
    ]
    return "\n".join(lines)


def _added(worlds: list[Judged], less: str, more: str) -> str:
    everything, rings = (said(gain(worlds, less, more, one)) for one in (all_fraud, of_rings))
    return f"{everything} average precision, {rings} of rings' fraud"


def said(estimate: Estimate) -> str:
    """The estimate with its interval."""
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument(
        "--folder", type=Path, help="Keeps what each seed gave, so that they may be run one by one."
    )
    parser.add_argument(
        "--without-graphsage", action="store_true", help="The boosters alone, a section of its own."
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        main(tuple(given.seeds), given.folder or Path(scratch), networks=not given.without_graphsage)
