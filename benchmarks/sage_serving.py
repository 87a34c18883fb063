"""GraphSAGE at serving time: microseconds an event of the numba kernel and of PyG eager, same weights, one core.

Run as ``python -m benchmarks.sage_serving``; prints a table. Neighbourhoods are full (every slot filled, every hop 2
of ``FANOUT`` messages), the dearest case. PyG gets its mini-batch ready made: building it is not counted.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import torch
import typer

from benchmarks.results import machine, write_section
from fraud.exits import exit_status
from gnn.neighbourhood import EdgeTimeNeighbourhoods
from gnn.network import EdgeSage
from gnn.serving import SageKernel
from gnn.subgraph import two_hop_batch
from graph.observation import FANOUT, MESSAGE_WIDTH, ROLES, NeighbourHistory

BATCHES = (1, 32, 256, 1024)
WARM_EVENTS = 8 * FANOUT
SECONDS = 1.0


def main() -> None:
    """Measure, print and record."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    history = _full_history(WARM_EVENTS + max(BATCHES), np.random.default_rng(0))
    network = EdgeSage().eval()
    neighbourhoods = EdgeTimeNeighbourhoods(history)
    network.standardise(neighbourhoods.gather(np.arange(WARM_EVENTS, len(history))))
    kernel = SageKernel(network.to_weights())
    lines = [
        "## GraphSAGE kernel against PyG eager",
        "",
        f"{date.today():%Y-%m-%d}, `python -m benchmarks.sage_serving`, "
        f"{machine('torch', 'torch-geometric', 'numba')}. Every slot full, the same weights, medians.",
        "",
        "| batch | kernel µs/event | PyG eager µs/event | ratio | largest difference |",
        "|---:|---:|---:|---:|---:|",
    ]
    for size in BATCHES:
        rows = np.arange(WARM_EVENTS, WARM_EVENTS + size)
        dense, batch = neighbourhoods.gather(rows), two_hop_batch(history, rows)
        with torch.no_grad():
            difference = np.abs(kernel.embed(dense)[0] - network(batch)[0].numpy()).max()
            ours = _median_seconds(lambda dense=dense: kernel.embed(dense)) / size * 1e6  # type: ignore[misc]
            theirs = _median_seconds(lambda batch=batch: network(batch)) / size * 1e6  # type: ignore[misc]
        lines.append(f"| {size:,} | {ours:.2f} | {theirs:.1f} | {theirs / ours:.1f} | {difference:.0e} |")
    text = "\n".join(lines)
    print(text)
    write_section("sage_serving", text)


def _full_history(events: int, random: np.random.Generator) -> NeighbourHistory:
    message = (
        random.normal(500.0, 400.0, (events, len(ROLES), MESSAGE_WIDTH)).clip(-4070, 4070).astype(np.int16)
    )
    shape = (events, len(ROLES), FANOUT)
    earlier = random.integers(0, 2 * np.maximum(np.arange(events), 1)[:, None, None], shape)
    serial = np.where(np.arange(events)[:, None, None] > 0, earlier, -1)
    age = random.exponential(2.0, shape).astype(np.float32)
    return NeighbourHistory(message, serial.astype(np.int64), age)


def _median_seconds(work: Callable[[], object]) -> float:
    work()
    times: list[float] = []
    stop = time.perf_counter() + SECONDS
    while time.perf_counter() < stop or len(times) < 5:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
