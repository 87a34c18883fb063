"""What two detectors would add to the scorer's features: shared attributes and dense blocks.

Both follow the same payments as the online graph and say of each, before they take it in, how much the accounts around
it act as one. Protocol and worlds are those of ``benchmarks.ablation``; the booster sees all features but GraphSAGE's
and the ring score, and is fitted once without and once with the columns of each detector. Run alone:
``python -m benchmarks.detectors``; seed by seed with ``--folder`` and ``--seeds``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
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
from fraud.ring import NodeKind
from graph.dense_blocks import DenseBlocks, Pair
from graph.features import FEATURE_NAMES
from graph.online import OnlineGraph
from graph.shared_attributes import SharedAttributes, Use
from models.booster import BoosterConfig, fit_booster, margin_of
from models.history import replay_history
from models.periods import cut_periods

SHARED = ["shared_account", "shared_target", "shared_thing", "shared_evidence"]
DENSE = ["block_account", "block_target", "block_device"]
WITHOUT = "tabular + online graph + motifs"
ROWS = {
    WITHOUT: [],
    "+ shared attributes": SHARED,
    "+ dense blocks": DENSE,
    "+ both": SHARED + DENSE,
}
"""Columns besides the scorer's own, by the row of the table."""

NAMES = ("account_id", "merchant_id", "counterparty_id", "device_id", "ip")

Columns = NDArray[np.float32]
Payment = tuple[str, str | None, str | None, str | None, str | None, int, float]
"""The fields of ``NAMES``, time in µs, amount."""


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
    more = dict(zip(SHARED + DENSE, np.concatenate([shared(frame), dense(frame)], axis=1).T, strict=True))
    scores = {
        row: _fitted(np.column_stack([own, *(more[name] for name in names)]), names, label, before, seed)
        for row, names in ROWS.items()
    }
    return Judged.of(frame.loc[~before], np.zeros(int((~before).sum()), np.bool_), scores)


def shared(frame: pd.DataFrame) -> Columns:
    """What ``SharedAttributes`` says of each payment, [n, 4]."""
    uses = []
    for account, merchant, receiver, device, ip, time, amount in _payments(frame):
        kind = NodeKind.ACCOUNT if merchant is None else NodeKind.MERCHANT
        uses.append(Use(account, kind, merchant or receiver or "", time, amount, device, ip))
    return SharedAttributes().observe_all(uses).astype(np.float32)


def dense(frame: pd.DataFrame) -> Columns:
    """Suspiciousness of each payment's account, target and device in ``DenseBlocks``, [n, 3]; NaN where it has none."""
    pairs, places = [], []
    for number, (account, merchant, _, device, _, time, amount) in enumerate(_payments(frame)):
        for place, kind, token in ((1, NodeKind.MERCHANT, merchant), (2, NodeKind.DEVICE, device)):
            if token is not None:
                pairs.append(Pair(account, kind, token, time, amount))
                places.append((number, place))
    found = DenseBlocks().observe_pairs(pairs, scored=True)
    columns = np.full((len(frame), 3), np.nan, np.float32)
    at = np.array(places)
    columns[at[:, 0], 0] = found[:, 0]
    columns[at[:, 0], at[:, 1]] = found[:, 1]
    return columns


def _payments(frame: pd.DataFrame) -> Iterator[Payment]:
    names = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in NAMES]
    times = frame["event_time"].astype("datetime64[us, UTC]").astype(np.int64).tolist()
    yield from zip(*names, times, frame["amount"].tolist(), strict=True)


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
