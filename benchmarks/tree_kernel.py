"""Trees at serving time: microseconds a row of the numba kernels and of XGBoost's own prediction, one core.

Run as ``python -m benchmarks.tree_kernel``; prints a table and puts it into RESULTS.md. The booster has 300 trees of
depth 6 over as many columns as the scorer's; rows are new to the caches of neither side.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import typer
import xgboost
from numpy.typing import NDArray

from benchmarks.results import machine, write_section
from fraud.exits import exit_status
from models.artefact import input_names
from models.booster import BoosterConfig, fit_booster, margin_of
from models.tree_shap import TreeShap
from models.trees import TreeKernel

BATCHES = (1, 8, 32, 256, 1024)
EXPLAINED = (1, 8, 32)
"""Rows explained at once: few of a batch are not approved."""
TREES = 300
DEPTH = 6
ROWS = 20_000
SECONDS = 1.5
GROUP = 256
"""Rows timed together, so that reading the clock costs nothing beside them."""

Rows = NDArray[np.float32]


def main() -> None:
    """Measure, print and record."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    X, booster = _booster()
    kernel = TreeKernel.from_booster(booster)
    equal = np.array_equal(kernel.margin(X), margin_of(booster, X))
    lines = [
        "| batch | kernel µs/row | inplace_predict µs/row | DMatrix predict µs/row | inplace / kernel |",
        "|---:|---:|---:|---:|---:|",
    ]
    for size in BATCHES:
        batches = [np.ascontiguousarray(X[i : i + size]) for i in range(0, ROWS - size + 1, size)]
        ours, inplace, matrix = (
            _microseconds_a_row(predict, batches)
            for predict in (
                kernel.margin,
                lambda rows: booster.inplace_predict(rows, predict_type="margin", validate_features=False),
                lambda rows: margin_of(booster, rows),
            )
        )
        lines.append(f"| {size:,} | {ours:.2f} | {inplace:.2f} | {matrix:.2f} | {inplace / ours:.1f} |")
    lines += ["", *_explained(X, booster)]
    text = (
        f"## Tree kernel against XGBoost\n\n{TREES} trees of depth {DEPTH} over {X.shape[1]} columns, one thread, "
        f"median processor time; margins of {ROWS:,} rows bit-equal: {'yes' if equal else 'NO'}.\n"
        f"{machine('xgboost', 'numba')}. `python -m benchmarks.tree_kernel`\n\n" + "\n".join(lines)
    )
    print(text)
    write_section("tree_kernel", text)


def _explained(X: Rows, booster: xgboost.Booster) -> list[str]:
    """The table of SHAP values."""
    shap = TreeShap.from_booster(booster)

    def theirs(rows: Rows) -> Rows:
        return booster.predict(xgboost.DMatrix(rows, nthread=1), pred_contribs=True, validate_features=False)

    apart = float(np.abs(shap.contributions(X[:GROUP]) - theirs(X[:GROUP])[:, :-1]).max())
    lines = [
        f"SHAP values of the same trees, at most {apart:.0e} log-odds apart:",
        "",
        "| batch | kernel µs/row | pred_contribs µs/row | pred_contribs / kernel |",
        "|---:|---:|---:|---:|",
    ]
    for size in EXPLAINED:
        batches = [np.ascontiguousarray(X[i : i + size]) for i in range(0, ROWS - size + 1, size)]
        ours, peer = (_microseconds_a_row(one, batches) for one in (shap.contributions, theirs))
        lines.append(f"| {size:,} | {ours:.0f} | {peer:.0f} | {peer / ours:.1f} |")
    return lines


def _booster() -> tuple[Rows, xgboost.Booster]:
    names = input_names(True)
    random = np.random.default_rng(0)
    X = random.normal(size=(ROWS, len(names))).astype(np.float32)
    X[random.random(X.shape) < 0.1] = np.nan
    signal = np.nan_to_num(X)
    y = (signal[:, 0] * signal[:, 1] + signal[:, 2:20].sum(axis=1) + random.normal(size=ROWS) > 6).astype(
        np.int8
    )
    config = BoosterConfig(trees=TREES, depth=DEPTH, min_child_weight=0.5, reg_lambda=1.0)
    booster = fit_booster(X, y, names, config, threads=1)
    booster.set_param({"nthread": 1})
    return X, booster


def _microseconds_a_row(predict: Callable[[Rows], object], batches: list[Rows]) -> float:
    """Processor time, which other processes on the machine disturb less than the clock."""
    together = max(GROUP // len(batches[0]), 1)
    predict(batches[0])
    times: list[float] = []
    stop = time.perf_counter() + SECONDS
    while time.perf_counter() < stop or len(times) < 5:
        first = len(times) * together
        group = [batches[(first + i) % len(batches)] for i in range(together)]
        started = time.process_time()
        for rows in group:
            predict(rows)
        times.append((time.process_time() - started) / sum(map(len, group)))
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
