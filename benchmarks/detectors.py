"""What two detectors would add to the scorer's features: shared attributes and dense blocks.

Both hang on the online graph and say of each payment, before they take it in, how much the accounts around it act as
one. Protocol and worlds are those of ``benchmarks.ablation``; the booster sees all features but GraphSAGE's
and the ring score, and is fitted once without and once with the columns of each detector. Run alone:
``python -m benchmarks.detectors``; seed by seed with ``--folder`` and ``--seeds``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.ablation import (
    ACCOUNTS,
    DAYS,
    MOTIFS,
    ROUNDS,
    SEEDS,
    TEST_DAYS,
    Judged,
    all_fraud,
    cut_world,
    gain,
    of_rings,
    run_missing,
    said,
)
from benchmarks.results import machine, write_section
from graph.dense_blocks import DenseBlocks
from graph.events import FrameEvents
from graph.features import FEATURE_NAMES
from graph.layout import TRANSACTION
from graph.online import DETECTOR_SHARE, OnlineGraph
from graph.shared_attributes import SharedAttributes
from models.booster import BoosterConfig, fit_booster, margin_of
from models.history import replay_history
from models.periods import cut_periods

SHARED = ["shared_evidence"]
DENSE = ["block_account", "block_target", "block_device"]
WITHOUT = "tabular + online graph + motifs"
ROWS = {
    WITHOUT: [],
    "+ shared attributes": SHARED,
    "+ dense blocks": DENSE,
    "+ both": SHARED + DENSE,
}
"""Columns besides the scorer's own, by the row of the table."""

AT_ONCE = 4_096

Columns = NDArray[np.float32]


def main(seeds: Sequence[int], folder: Path) -> None:
    """Run every seed that ``folder`` lacks; with all of them, print the table and write its section."""
    worlds = run_missing("Detectors", seeds, folder, _run)
    if tuple(seeds) != SEEDS:
        return
    text = _render(worlds)
    print(text)
    write_section("detectors", text)


def _run(seed: int) -> Judged:
    frame, before, label = cut_world(seed)
    own = replay_history(frame, OnlineGraph()).features[:, MOTIFS]
    more = dict(zip(SHARED + DENSE, detected(frame).T, strict=True))
    scores = {
        row: _fitted(np.column_stack([own, *(more[name] for name in names)]), names, label, before, seed)
        for row, names in ROWS.items()
    }
    return Judged.of(frame.loc[~before], np.zeros(int((~before).sum()), np.bool_), scores)


def detected(frame: pd.DataFrame) -> Columns:
    """What the detectors say of each payment, [n, 4]: its evidence of sharing, and how tightly its ends are in blocks.

    The graph gives the ends their numbers, and forgets nobody meanwhile.
    """
    graph, source, n = OnlineGraph(retention_days=1_000.0), FrameEvents(frame), len(frame)
    room = graph.memory_budget // DETECTOR_SHARE
    shared, dense = SharedAttributes(graph.capacity, room), DenseBlocks(graph.capacity, room)
    columns = np.empty((n, len(SHARED) + len(DENSE)), np.float32)
    for start in range(0, n, AT_ONCE):
        row = np.arange(start, min(start + AT_ONCE, n))
        events = source.take(np.full(len(row), TRANSACTION, np.int8), row, source.time[row])
        graph.observe(events, neighbourhoods=False)
        columns[row, 0] = shared.observe(events.rows, 0, shared.found.of(0))
        columns[row, 1:] = dense.observe_scored(events.rows)
    return columns


def _fitted(
    inputs: Columns, more: list[str], label: NDArray[np.int8], before: NDArray[np.bool_], seed: int
) -> NDArray[np.float32]:
    """Margins of the judged days by a booster of the days before them."""
    periods = cut_periods(label[before])
    rows = np.concatenate([periods.sage, periods.sage_check, periods.booster])
    names = [FEATURE_NAMES[column] for column in MOTIFS] + more
    validation = inputs[periods.validation], label[periods.validation]
    booster = fit_booster(inputs[rows], label[rows], names, BoosterConfig(), validation=validation, seed=seed)
    return margin_of(booster, inputs[~before])


def _render(worlds: list[Judged]) -> str:
    lines = [
        "## What shared attributes and dense blocks would add",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.detectors`, {machine('xgboost')}. Worlds of {DAYS} days and "
        f"{ACCOUNTS:,} accounts, seeds {', '.join(map(str, SEEDS))}; judged on the last {TEST_DAYS} days, mean ± "
        f"standard deviation over seeds. Gains over the first row, 95 % intervals of accounts drawn {ROUNDS} times. "
        "Rings' fraud is judged against the payments that are no fraud.",
        "",
        "| parts | average precision | gain | average precision of rings' fraud | gain |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        cells = []
        for measure in (all_fraud, of_rings):
            figures = [measure(world, world.scores[row], np.ones(len(world.truth))) for world in worlds]
            cells += [
                f"{np.mean(figures):.3f} ± {np.std(figures):.3f}",
                "" if row == WITHOUT else said(gain(worlds, WITHOUT, row, measure)),
            ]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument(
        "--folder", type=Path, help="Keeps what each seed gave, so that they may be run one by one."
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        main(given.seeds, given.folder or Path(scratch))
