"""What each part adds on the Handbook's data: tabular, online graph, GraphSAGE; the book's protocol, 7 training days.

GraphSAGE learns from the history before the 7 training days (stopping early by its last week), the booster from the
7 days, so it never trains on embeddings that saw its labels. Every label used is known when the test begins. Plain
GraphSAGE alone scores by its own logit. One seed a fold, the fold's number; settings of ``benchmarks.handbook``.
Run alone: ``python -m benchmarks.handbook_ablation``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.handbook import CONFIG, THREADS, varying_columns
from benchmarks.handbook_protocol import (
    TEST_STARTS,
    TRAIN_DAYS,
    Figures,
    Fold,
    Payments,
    Rows,
    cut_fold,
    judge,
    read_payments,
)
from benchmarks.results import machine, write_result, write_section
from fraud.exits import exit_status
from fraud.progress import stage
from gnn.serving import embed_history
from gnn.training import SageConfig
from gnn.training import fit as fit_sage
from gnn.weights import SageWeights
from graph.features import FEATURE_NAMES, TABULAR_NAMES
from graph.online import OnlineGraph
from models.artefact import SAGE_NAMES
from models.booster import fit_booster, margin_of
from models.history import History, replay_history

__all__ = ["main"]

SAGE = SageConfig(epochs=5, negatives_per_positive=10.0)

Inputs = Callable[[Rows], NDArray[np.float32]]


def main() -> None:
    """Run every row on every test fold, print the table and write its section and result."""
    payments = read_payments()
    with stage("Handbook: replay through the online graph", total=2 * len(payments.fraud)) as advance:
        history = replay_history(payments.frame, OnlineGraph(), advance=advance)
    rows: dict[str, list[Figures]] = {}
    with stage("Handbook: ablation", total=len(TEST_STARTS)) as advance:
        for seed, start in enumerate(TEST_STARTS):
            fold = cut_fold(payments, start)
            for name, score in _scores(payments, history, fold, seed).items():
                rows.setdefault(name, []).append(judge(payments, fold.test, score))
            advance()
    text = _render(rows)
    print(text)
    write_section("handbook_ablation", text)
    settings = {"booster": CONFIG.model_dump(), "sage": asdict(SAGE)}
    write_result("handbook_ablation", {"figures": rows, "folds": TEST_STARTS, "settings": settings})


def _scores(payments: Payments, history: History, fold: Fold, seed: int) -> dict[str, NDArray[np.float32]]:
    weights = _fit_sage(payments, history, fold, seed)
    embedded = {
        rows.tobytes(): np.column_stack(embed_history(weights, history.neighbours, rows))
        for rows in (fold.train, fold.test)
    }

    def sage(rows: Rows) -> NDArray[np.float32]:
        return embedded[rows.tobytes()]

    def learn(columns: list[int], with_sage: bool) -> NDArray[np.float32]:
        def inputs(rows: Rows) -> NDArray[np.float32]:
            features = history.features[rows][:, columns]
            return np.concatenate([features, sage(rows)], axis=1) if with_sage else features

        names = [FEATURE_NAMES[column] for column in columns] + (list(SAGE_NAMES) if with_sage else [])
        y = payments.fraud[fold.train]
        booster = fit_booster(inputs(fold.train), y, names, CONFIG, seed=seed, threads=THREADS)
        return margin_of(booster, inputs(fold.test))

    everything = varying_columns(history.features)
    tabular = [column for column in everything if FEATURE_NAMES[column] in TABULAR_NAMES]
    return {
        "tabular only": learn(tabular, with_sage=False),
        "tabular + GraphSAGE": learn(tabular, with_sage=True),
        "tabular + online graph": learn(everything, with_sage=False),
        "tabular + online graph + GraphSAGE (all)": learn(everything, with_sage=True),
        "GraphSAGE alone": sage(fold.test)[:, -1],
    }


def _fit_sage(payments: Payments, history: History, fold: Fold, seed: int) -> SageWeights:
    day, first = payments.day, int(payments.day[fold.train[0]])
    before = fold.history[day[fold.history] < first]
    checking = day[before] >= first - TRAIN_DAYS
    label = np.full(len(payments.fraud), -1, np.int8)
    label[before] = payments.fraud[before]
    return fit_sage(
        history.neighbours, label, before[~checking], before[checking], SAGE, device="cpu", seed=seed
    ).weights


def _render(rows: dict[str, list[Figures]]) -> str:
    lines = [
        "## Ablation on the Handbook's data",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.handbook_ablation`, {machine('xgboost', 'torch')}. The "
        "book's protocol, booster on the 7 training days, GraphSAGE on the history before them; mean over the four "
        "test folds ± standard deviation over folds, one seed a fold.",
        "",
        "| parts | AUC | average precision | CP@100 |",
        "|---|---|---|---|",
    ]
    for name, figures in rows.items():
        means, spreads = np.mean(figures, axis=0), np.std(figures, axis=0)
        cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
