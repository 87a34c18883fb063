"""The whole path, JSON to score: events a second, microseconds by stage, latency and memory, beside stock parts.

Run as ``python -m benchmarks.speed``; prints tables and puts them into RESULTS.md. All sides run in this process, on
one pinned core unless said otherwise, on the same payments.
"""

from __future__ import annotations

import gc
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import typer
import xgboost
from numpy.typing import NDArray

from benchmarks.latency import TURNS, latency_of
from benchmarks.results import machine, write_section
from benchmarks.stock_parts import Given, NetworkxParts, PygParts
from benchmarks.whole_path import KEY, MEASURED, SIZES, Made, WholePath, make
from data.tokenise import tokenise_table
from fraud.errors import RingfenceError
from fraud.exits import exit_status
from fraud.tokens import Tokeniser
from graph.observation import Observation

BATCHES = (1, 32, 256, 1024)
REPEATS = 6
OURS = {1: 5_000, 32: 10_000, 256: 10_000, 1024: 10_000}
"""Payments a repeat, by batch size."""
PYG = {1: 100, 32: 960, 256: 2_560, 1024: 4_096}
NETWORKX = {1: 20, 32: 64, 256: 256}
RECENT = 60_000
"""Payments in the networkx graph: more of them would not fit beside the rest."""

STAGES = ("decode, tokenise", "state", "network", "trees")
OFFERED = (2_000, 20_000)
HANDOVERS = 4
"""Batches that may wait between the two threads."""

BARS = {"rate": 50_000.0, "ratio": 4.0, "ratio one by one": 30.0, "p99": 2.0, "memory": 1_500.0}

PYG_NAME = "(a) LastNeighborLoader, PyG eager, XGBoost"
SMALL_NAME = "(b) the same with one pair of layers"
WHOLE_NAME = "(d) as (a), with our checks, tokens and features before it"
NETWORKX_NAME = "(c) networkx, PyG eager, XGBoost"

Rates = dict[int, float]


class _Ours:
    """Our path at one batch size, measured a repeat at a time."""

    def __init__(self, made: Made, size: int) -> None:
        self.made, self.size = made, size
        self.path, self.again = made.path(), made.path()
        self.path.run(made.lines[:1])
        self.again.run(made.lines[:1])
        self.rates: list[float] = []
        """Events a second of processor time, one a repeat"""
        self.by_the_clock: list[float] = []
        self.stages: list[list[float]] = []
        """µs of processor time an event of each stage, a list a repeat"""
        self.margin: list[NDArray[np.float32]] = []
        self.score: list[NDArray[np.float64]] = []

    def repeat(self, number: int) -> None:
        """Take the next payments, first for the rates, then once more stage by stage on a state of its own."""
        events = OURS[self.size]
        first = 1 + number * events
        stop = first + events
        batches = [self.made.lines[i : min(i + self.size, stop)] for i in range(first, stop, self.size)]
        scores = []
        spent, begin = time.process_time(), time.perf_counter()
        for lines in batches:
            scores.append(self.path.run(lines))
        taken = time.perf_counter() - begin
        self.rates.append(events / (time.process_time() - spent))
        self.by_the_clock.append(events / taken)
        self.margin += [part.margin for part in scores]
        self.score += [part.score for part in scores]
        stages = np.sum([_staged(self.again, lines) for lines in batches], axis=0)
        self.stages.append((stages / events * 1e6).tolist())


class _Peer:
    """A peer at one batch size."""

    def __init__(self, run: Callable[[Sequence[bytes], int], object], made: Made, size: int, events: int):
        self.run, self.lines, self.size, self.events = run, made.lines[1:], size, events
        self.rates: list[float] = []

    def repeat(self, number: int) -> None:
        """Take the next payments."""
        first = number * self.events
        spent = time.process_time()
        for start in range(first, first + self.events, self.size):
            self.run(self.lines[start : start + self.size], start)
        self.rates.append(self.events / (time.process_time() - spent))


def main() -> None:
    """Measure, print and record; raises RingfenceError where scores depend on the batch."""
    cores = sorted(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder))
        os.sched_setaffinity(0, {cores[-1]})
        ours = {size: _Ours(made, size) for size in BATCHES}
        peers = _peers(made, _given(made))
        sides: list[Mapping[int, _Ours | _Peer]] = [ours, *peers.values()]
        gc.collect()
        gc.freeze()
        for number in range(REPEATS):
            for size in BATCHES:  # side by side, so that a neighbour on the machine troubles all alike
                for side in sides:
                    if size in side:
                        side[size].repeat(number)
        _check_bits(ours)
        latency = {
            (offered, own): latency_of(made, offered, own) for offered in OFFERED for own in (True, False)
        }
        both = {size: _two_threads(made, size, cores) for size in BATCHES[1:]} if len(cores) > 1 else {}
    text = _report(made, ours, peers, latency, both)
    print(text)
    write_section("speed", text)


def _staged(path: WholePath, lines: Sequence[bytes]) -> NDArray[np.float64]:
    """Seconds by stage; the network, which scoring runs together with the trees, is run by itself once more."""
    clock = time.thread_time
    begin = clock()
    events = path.decode(lines)
    decoded = clock()
    seen = path.observe(events)
    observed = clock()
    path.score(seen)
    scored = clock()
    path.sage.embed(seen)
    network = clock() - scored
    return np.array([decoded - begin, observed - decoded, network, scored - observed - network])


def _check_bits(runs: dict[int, _Ours]) -> None:
    """Margins and scores must be the same to the last bit, however the stream was cut."""
    for name in ("margin", "score"):
        whole = {size: np.concatenate(getattr(run, name)) for size, run in runs.items()}
        for size, column in whole.items():
            shared = min(len(column), len(whole[256]))
            if column[:shared].tobytes() != whole[256][:shared].tobytes():
                raise RingfenceError(f"{name}: differs between batches of {size} and of 256")


def _given(made: Made) -> Given:
    path = made.path()
    path.run(made.lines[:1])
    seen = [
        path.observe(path.decode(made.lines[start : start + 1024]))
        for start in range(1, 1 + REPEATS * max(PYG.values()), 1024)
    ]
    return Given(
        np.concatenate([part.features for part in seen]), np.concatenate([part.self_message for part in seen])
    )


def _peers(made: Made, given: Given) -> dict[str, dict[int, _Peer]]:
    path = made.path()
    path.booster.set_param({"nthread": 1})
    warm = len(made.frame) - MEASURED
    peers: dict[str, dict[int, _Peer]] = {}
    for name, pairs in ((PYG_NAME, 4), (SMALL_NAME, 1)):
        pyg = PygParts(made.frame, path.booster, given, slice(0, warm), pairs)
        peers[name] = {size: _Peer(pyg.run, made, size, n) for size, n in PYG.items()}
    peers[WHOLE_NAME] = _whole_peers(made, given, path.booster, warm)
    networkx = NetworkxParts(made.frame, path.booster, given, slice(warm - RECENT, warm))
    peers[NETWORKX_NAME] = {size: _Peer(networkx.run, made, size, n) for size, n in NETWORKX.items()}
    return peers


def _whole_peers(made: Made, given: Given, booster: xgboost.Booster, warm: int) -> dict[int, _Peer]:
    """Stock parts for sampling, network and trees, and ours for all that there is no stock part for."""
    pyg = PygParts(tokenise_table(made.frame, Tokeniser(KEY)), booster, given, slice(0, warm))

    def peer(size: int, events: int) -> _Peer:
        path = made.path()
        path.run(made.lines[:1])

        def run(lines: Sequence[bytes], first: int) -> None:
            payments = path.decode(lines)
            path.graph.observe(payments, neighbourhoods=False)
            pyg.run_events(payments, first)

        return _Peer(run, made, size, events)

    return {size: peer(size, events) for size, events in PYG.items()}


def _two_threads(made: Made, size: int, cores: list[int]) -> float:
    """Events a second with decode and state on one core, network and trees on another."""
    path = made.path()
    path.run(made.lines[:1])
    waiting: queue.Queue[Observation | None] = queue.Queue(HANDOVERS)
    finished: list[float] = []

    def score() -> None:
        os.sched_setaffinity(0, {cores[0]})
        while (seen := waiting.get()) is not None:
            path.score(seen)
            finished.append(time.perf_counter())

    scorer = threading.Thread(target=score)
    scorer.start()
    events = OURS[size] // size * size
    for start in range(1, 1 + REPEATS * events, size):
        waiting.put(path.observe(path.decode(made.lines[start : start + size])))
    waiting.put(None)
    scorer.join()
    each = events // size
    ends = finished[each - 1 :: each]
    return statistics.median(events / (b - a) for a, b in pairwise(ends))


def _report(
    made: Made,
    runs: dict[int, _Ours],
    peers: dict[str, dict[int, _Peer]],
    latency: dict[tuple[int, bool], tuple[float, float, float]],
    both: Rates,
) -> str:
    ours = {size: statistics.median(run.rates) for size, run in runs.items()}
    theirs = {
        name: {size: statistics.median(peer.rates) for size, peer in side.items()}
        for name, side in peers.items()
    }
    times = {
        name: {
            size: statistics.median(a / b for a, b in zip(runs[size].rates, peer.rates, strict=True))
            for size, peer in side.items()
        }
        for name, side in peers.items()
    }
    memory = made.memory
    counted, resident = memory.counted / memory.nodes, memory.resident / memory.nodes
    bars = [
        ("events/s at batch 256, one core", ours[256], "≥", BARS["rate"]),
        ("times (a) at batch 256", times[PYG_NAME][256], "≥", BARS["ratio"]),
        ("times (d) at batch 256", times[WHOLE_NAME][256], "≥", BARS["ratio"]),
        ("times (a) one by one", times[PYG_NAME][1], "≥", BARS["ratio one by one"]),
        ("ms p99 at 20,000 events/s", latency[20_000, True][1], "≤", BARS["p99"]),
        ("bytes a node, resident", resident, "≤", BARS["memory"]),
    ]
    return "\n".join(
        [
            "## Speed of the whole path",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. JSON bytes → checked payment → tokens → state and "
            "features → GraphSAGE → 300 trees of depth 6 → calibrated score and decision, in one process. "
            f"{SIZES.payments:,} payments, {SIZES.accounts:,} accounts, {SIZES.merchants:,} merchants, "
            f"{SIZES.devices:,} devices; all but the last {MEASURED:,} warm the state "
            f"({memory.nodes:,} nodes, {memory.pairs:,} pairs when memory was read). Medians of {REPEATS} repeats "
            f"({TURNS} of latency), one pinned core unless said. Rates, stages and every first line of latency are in "
            "processor time, which on an idle machine is the wall clock; beside it the wall clock as it was, with "
            f"{os.getloadavg()[0]:.1f} processes wanting to run on {os.cpu_count()} cores. "
            "Margins and scores bitwise equal at all batch sizes.",
            f"{machine('numpy', 'numba', 'torch', 'torch-geometric', 'xgboost')}. `python -m benchmarks.speed`",
            "",
            "Peers (a) to (c) are given the tabular features and the messages for nothing, decode with msgspec, and "
            "check and tokenise nothing; (d) is the whole path with stock parts wherever there is one. "
            "(a) and (c) have our network's layers; (b) shares one pair of layers among all "
            "four ends and samples once for all of them, a smaller model than ours.",
            "",
            "| events/s | " + " | ".join(f"batch {size:,}" for size in BATCHES) + " |",
            "|---|" + "---:|" * len(BATCHES),
            _row("Ringfence, one core", ours),
            _row(
                "the same by the wall clock",
                {size: statistics.median(run.by_the_clock) for size, run in runs.items()},
            ),
            _row("Ringfence, two cores, wall clock (decode and state, network and trees)", both),
            *(_row(name, rates) for name, rates in theirs.items()),
            *(_row(f"times {name}", ratios, "{:.1f}×") for name, ratios in times.items()),
            "",
            "| µs an event | " + " | ".join(f"batch {size:,}" for size in BATCHES) + " |",
            "|---|" + "---:|" * len(BATCHES),
            *(
                _row(
                    stage,
                    {
                        size: statistics.median(column[i] for column in run.stages)
                        for size, run in runs.items()
                    },
                    "{:.2f}",
                )
                for i, stage in enumerate(STAGES)
            ),
            "",
            "| offered events/s (Poisson) | clock | p50 ms | p99 ms | mean batch |",
            "|---:|---|---:|---:|---:|",
            *(
                f"| {offered:,} | {'processor' if own else 'wall'} | {p50:.3f} | {p99:.3f} | {mean:.1f} |"
                for (offered, own), (p50, p99, mean) in latency.items()
            ),
            "",
            f"Memory: {counted:,.0f} bytes a node by the graph's own count (names and pairs included), "
            f"{resident:,.0f} by the peak growth of the process.",
            "",
            "| bar | measured | wanted | |",
            "|---|---:|---:|---|",
            *(
                f"| {name} | {value:,.1f} | {sign} {bar:,.0f} | "
                f"{'met' if (value >= bar if sign == '≥' else value <= bar) else 'NOT MET'} |"
                for name, value, sign, bar in bars
            ),
        ]
    )


def _row(name: str, values: Rates, form: str = "{:,.0f}") -> str:
    return (
        f"| {name} | "
        + " | ".join(form.format(values[size]) if size in values else "–" for size in BATCHES)
        + " |"
    )


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
