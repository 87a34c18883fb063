"""Patterns in a stream of transfers: rates beside IBM's snapml GraphFeaturePreprocessor and networkx, and values.

Run as ``python -m benchmarks.motif_speed``; prints tables and puts them into RESULTS.md. snapml is proprietary and no
requirement of this project: ``pip install snapml`` first. All sides run in this process on one thread, on one stream.
"""

from __future__ import annotations

import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import networkx as nx
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.results import machine, write_result, write_section
from fraud.errors import RingfenceError
from fraud.exits import exit_status
from graph.transfer_patterns import COLUMNS, TransferPatterns
from graph.vertex_statistics import FAN_BINS, VertexStatistics

DAY = 86_400
ACCOUNTS, EDGES, DAYS = 50_000, 1_000_000, 25
RINGS = 20_000
"""Planted: money that goes round 3 to 8 accounts, or is split up and meets again, within hours."""

BATCHES = (1, 128, 2_048)
MEASURED = {1: 10_000, 128: 20_480, 2_048: 20_480}
"""Edges a repeat, by batch size."""
REPEATS = 3
STATISTICS_WINDOW, PATTERN_WINDOW = 20 * DAY, DAY
NETWORKX_BATCHES = 3
HUB, SMALL_HUB = 100_000, 1_000
BARS = {"statistics": 20.0, "patterns": 2.0, "recall": 0.99, "networkx": 1_000.0, "flat": 1.5}
TOLERANCE = 1e-6
CYCLES = slice(2, 8)

Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Source, target, time in seconds, amount."""


@dataclass
class Side:
    """One implementation at one batch size."""

    observe: Callable[[int, int], NDArray[np.float64]]
    """Takes edges from one number to another."""
    rates: list[float]
    rows: list[NDArray[np.float64]]

    def run(self, start: int, stop: int, size: int) -> None:
        """Take the next edges; edges a second of processor time."""
        parts = []
        begin = time.process_time()
        for at in range(start, stop, size):
            parts.append(self.observe(at, min(at + size, stop)))
        self.rates.append((stop - start) / (time.process_time() - begin))
        self.rows.append(np.concatenate(parts))


def main() -> None:
    """Measure, print and record."""
    preprocessor = _preprocessor()
    stream = make_stream(np.random.default_rng(7))
    table = np.ascontiguousarray(np.stack([np.arange(EDGES), *stream], axis=1).astype(np.float64))
    ours: dict[tuple[str, int], Side] = {}
    theirs: dict[tuple[str, int], Side] = {}
    for size in BATCHES:
        first = EDGES - REPEATS * MEASURED[size]
        for what in ("statistics", "patterns"):
            ours[what, size] = _ours(what, stream, first)
            theirs[what, size] = _gfp(preprocessor, what, table, first)
            for repeat in range(REPEATS):
                start = first + repeat * MEASURED[size]
                for side in (ours[what, size], theirs[what, size]):
                    side.run(start, start + MEASURED[size], size)
            print(what, size, _rate(ours[what, size]), _rate(theirs[what, size]), flush=True)
    same = _equality(stream, ours["statistics", 1], theirs["statistics", 1])
    found = _recall(ours["patterns", 1], theirs["patterns", 1])
    slow = {what: _networkx(what, stream) for what in ("statistics", "patterns")}
    flat = {what: _flat(what, stream) for what in ("statistics", "patterns")}
    hub = {what: _hub(what) for what in ("statistics", "patterns")}
    text, figures = _report(ours, theirs, same, found, slow, flat, hub)
    print(text)
    write_section("motif_speed", text)
    write_result("motif_speed", figures)


def _preprocessor() -> Any:
    try:
        return importlib.import_module("snapml").GraphFeaturePreprocessor
    except ImportError as error:
        raise RingfenceError(
            "snapml: not installed; this benchmark alone needs it: pip install snapml"
        ) from error


def make_stream(random: np.random.Generator) -> Edges:
    """Transfers by busy and quiet accounts, most to a few usual payees near them; rings planted; times distinct."""
    weight = random.lognormal(0.0, 1.0, ACCOUNTS)
    weight /= weight.sum()
    rings = _planted(random)
    count = EDGES - len(rings[0])
    source = random.choice(ACCOUNTS, count, p=weight)
    usual = (
        np.arange(ACCOUNTS)[:, None] + np.rint(random.normal(0, 12, (ACCOUNTS, 6))).astype(np.int64)
    ) % ACCOUNTS
    target = np.where(
        random.random(count) < 0.7,
        usual[source, random.integers(0, 6, count)],
        random.choice(ACCOUNTS, count, p=weight),
    )
    target = np.where(target == source, (target + 1) % ACCOUNTS, target)
    amount = np.round(random.lognormal(4, 1, count), 2) + 0.01
    moment = np.sort(random.choice(DAYS * DAY, EDGES, replace=False))
    own = _nearest(moment, rings[2])
    rest = np.setdiff1d(np.arange(EDGES), own, assume_unique=True)
    edges = (np.empty(EDGES, np.int64), np.empty(EDGES, np.int64), moment, np.empty(EDGES))
    for column, planted, usual_one in zip(
        (0, 1, 3), (rings[0], rings[1], rings[3]), (source, target, amount), strict=True
    ):
        edges[column][own] = planted
        edges[column][rest] = usual_one
    return edges


def _nearest(moment: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Distinct places in the order of time at which the wanted times (ascending) fall."""
    places = np.searchsorted(moment, wanted)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + 1)
    return np.minimum(places, len(moment) - len(places) + np.arange(len(places)))


def _planted(random: np.random.Generator) -> Edges:
    rows: list[tuple[int, int, int, float]] = []
    for _ in range(RINGS):
        begin, size = int(random.integers(0, (DAYS - 1) * DAY)), int(random.integers(3, 9))
        who = random.choice(ACCOUNTS, size + 2, replace=False).tolist()
        amount = float(np.round(random.lognormal(6, 1), 2)) + 1.0
        hours = np.sort(random.integers(0, 20 * 3600, 2 * size)).tolist()
        if random.random() < 0.6:
            rows += [
                (who[i], who[(i + 1) % size], begin + hours[i], round(amount * 0.97**i, 2))
                for i in range(size)
            ]
        else:
            rows += [(who[-1], who[i], begin + hours[i], amount) for i in range(size)]
            rows += [(who[i], who[-2], begin + hours[size + i], round(0.97 * amount, 2)) for i in range(size)]
    rows.sort(key=lambda row: row[2])
    source, target, moment, amount_of = zip(*rows, strict=True)
    return (
        np.array(source, np.int64),
        np.array(target, np.int64),
        np.array(moment, np.int64),
        np.array(amount_of, np.float64),
    )


def _state(what: str, window: int) -> VertexStatistics | TransferPatterns:
    return VertexStatistics(ACCOUNTS, window) if what == "statistics" else TransferPatterns(ACCOUNTS, window)


def _ours(what: str, stream: Edges, first: int) -> Side:
    state = _state(what, STATISTICS_WINDOW if what == "statistics" else PATTERN_WINDOW)

    def observe(start: int, stop: int) -> NDArray[np.float64]:
        part = slice(start, stop)
        return state.observe(stream[0][part], stream[1][part], stream[2][part], stream[3][part])

    observe(0, first)
    return Side(observe, [], [])


def _gfp(preprocessor: Any, what: str, table: NDArray[np.float64], first: int) -> Side:
    window = STATISTICS_WINDOW if what == "statistics" else PATTERN_WINDOW
    peer = preprocessor()
    names = ("fan", "degree", "scatter-gather", "temp-cycle", "lc-cycle")
    settings = peer.get_params()
    settings |= dict.fromkeys(names, False) | {f"{name}_tw": window for name in names}
    settings |= {"num_threads": 1, "time_window": window, "vertex_stats_tw": window, "fan": True}
    if what == "statistics":
        settings |= {"vertex_stats": True, "vertex_stats_cols": [3, 4]}
    else:
        settings |= {"vertex_stats": False, "scatter-gather": True, "temp-cycle": True}
    peer.set_params(settings)
    for start in range(0, first, 1 << 14):
        peer.partial_fit(table[start : min(start + (1 << 14), first)])

    def observe(start: int, stop: int) -> NDArray[np.float64]:
        rows: NDArray[np.float64] = peer.transform(table[start:stop])
        return rows[:, 5:]

    return Side(observe, [], [])


def _rate(side: Side) -> float:
    return statistics.median(side.rates)


def _equality(stream: Edges, ours: Side, theirs: Side) -> dict[str, int]:
    """How many rows are equal, and why the others are not.

    Edge by edge, GFP lets go of edges by the time of the edge before; a row may still hold what just left the window.
    """
    mine, other = np.concatenate(ours.rows), np.concatenate(theirs.rows)
    differ = ~np.isclose(mine, other, rtol=TOLERANCE, atol=TOLERANCE)
    bins = 2 * len(FAN_BINS)
    degrees = [bins + 13 * side + 1 for side in range(4)]
    expiring = (mine[:, degrees] != other[:, degrees]).any(axis=1)
    flat = np.zeros(len(mine), dtype=bool)
    for side in range(4):
        for field in range(2):
            variance = bins + 13 * side + 3 + 5 * field + 2
            zeroed = (other[:, variance] == 0.0) & (mine[:, variance] > 0.0)
            flat |= zeroed
            differ[zeroed, variance : variance + 3] = False
    rows = differ.any(axis=1)
    return {
        "rows": len(mine),
        "columns": mine.shape[1],
        "equal": int((~rows & ~flat).sum()),
        "expiring": int((rows & expiring).sum()),
        "no variance in GFP": int((flat & ~rows).sum()),
        "otherwise": int((rows & ~expiring).sum()),
        "kurtosis below 1": int((_impossible(other) & rows & ~expiring).sum()),
    }


def _impossible(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a kurtosis is below 1, which that of no numbers is."""
    bins = 2 * len(FAN_BINS)
    places = [bins + 13 * side + 7 + 5 * field for side in range(4) for field in range(2)]
    told = rows[:, places]
    return np.asarray(((told != 0.0) & (told < 1.0 - TOLERANCE)).any(axis=1))


def _recall(ours: Side, theirs: Side) -> dict[str, float]:
    """Cycles of 3 to 8 transfers, by edge and length, that GFP found and we did too, and the other way round."""
    mine = np.concatenate(ours.rows)[:, CYCLES]
    width = len(FAN_BINS)
    other = np.concatenate(theirs.rows)[:, 3 * width + 1 : 3 * width + 7]
    shared = np.minimum(mine, other).sum()
    return {
        "theirs": float(other.sum()),
        "ours": float(mine.sum()),
        "recall": float(shared / other.sum()),
        "precision": float(shared / mine.sum()),
    }


def _networkx(what: str, stream: Edges) -> float:
    """Edges a second where each batch of 128 rebuilds the window's graph and reads the same figures from it."""
    size = 128
    first = EDGES - NETWORKX_BATCHES * size
    window = STATISTICS_WINDOW if what == "statistics" else PATTERN_WINDOW
    source, target, moment, amount = (column.tolist() for column in stream)
    begin = time.process_time()
    for start in range(first, EDGES, size):
        since = int(np.searchsorted(stream[2], moment[start + size - 1] - window, side="right"))
        lot: nx.MultiDiGraph[int] = nx.MultiDiGraph()
        for i in range(since, start + size):
            lot.add_edge(source[i], target[i], time=moment[i], amount=amount[i])
        for i in range(start, start + size):
            if what == "statistics":
                _networkx_statistics(lot, source[i], target[i])
            else:
                _networkx_patterns(lot, source[i], target[i], moment[i])
    return NETWORKX_BATCHES * size / (time.process_time() - begin)


def _networkx_statistics(lot: nx.MultiDiGraph[int], source: int, target: int) -> list[float]:
    out: list[float] = []
    for vertex in (source, target):
        for edges, others in (
            (lot.out_edges(vertex, data=True), lot.successors(vertex)),
            (lot.in_edges(vertex, data=True), lot.predecessors(vertex)),
        ):
            held = list(edges)
            out += [len(set(others)), len(held)]
            for field in ("time", "amount"):
                values = np.array([data[field] for _, _, data in held])
                if len(values):
                    out += [values.mean(), values.sum(), values.var()]
    return out


def _networkx_patterns(lot: nx.MultiDiGraph[int], source: int, target: int, now: int) -> list[float]:
    out: list[float] = [lot.in_degree(target), lot.out_degree(source)]
    cycles = 0
    waiting: list[tuple[int, int, tuple[int, ...]]] = [(target, -1, (target,))]
    while waiting:
        vertex, arrived, path = waiting.pop()
        for _, other, data in lot.out_edges(vertex, data=True):
            if not arrived < data["time"] < now:
                continue
            if other == source:
                cycles += len(path) >= 2
            elif other not in path and len(path) < 7:
                waiting.append((other, data["time"], (*path, other)))
    between = set(lot.predecessors(target))
    widths = [len(between & set(lot.successors(start))) for start in lot.predecessors(source)]
    return [*out, float(cycles), float(max(widths, default=0))]


def _flat(what: str, stream: Edges) -> tuple[float, float]:
    """µs an edge from a tenth of the history on, when the window of one day has long been full, and at its end."""
    state = _state(what, PATTERN_WINDOW)
    spent: list[float] = []
    size = 128
    for start in range(0, EDGES, size):
        part = slice(start, start + size)
        begin = time.process_time()
        state.observe(stream[0][part], stream[1][part], stream[2][part], stream[3][part])
        spent.append((time.process_time() - begin) / size * 1e6)
    tenth = len(spent) // 10
    return statistics.median(spent[tenth : 2 * tenth]), statistics.median(spent[-tenth:])


def _hub(what: str) -> tuple[float, float, float]:
    """µs an edge into accounts with 100,000, with 1,000 and with hardly any transfers in the window, turn by turn."""
    random = np.random.default_rng(3)
    state = _state(what, PATTERN_WINDOW)
    count = HUB + SMALL_HUB
    hubs = random.permutation(np.repeat([0, 1], [HUB, SMALL_HUB]))
    payers = random.integers(2, ACCOUNTS // 2, count)
    state.observe(payers, hubs, np.sort(random.integers(0, DAY // 4, count)), np.full(count, 10.0))
    spent: tuple[list[float], ...] = ([], [], [])
    moment = DAY // 4
    for _ in range(200):
        quiet = ACCOUNTS // 2 + random.integers(0, ACCOUNTS // 2, 128)
        for target, told in zip((np.zeros(128, np.int64), np.ones(128, np.int64), quiet), spent, strict=True):
            moment += 1
            source = random.integers(2, ACCOUNTS // 2, 128)
            begin = time.process_time()
            state.observe(source, target, np.full(128, moment), np.full(128, 10.0))
            told.append((time.process_time() - begin) / 128 * 1e6)
    large, small, calm = (statistics.median(told) for told in spent)
    return large, small, calm


def _report(
    ours: dict[tuple[str, int], Side],
    theirs: dict[tuple[str, int], Side],
    same: dict[str, int],
    found: dict[str, float],
    slow: dict[str, float],
    flat: dict[str, tuple[float, float]],
    hub: dict[str, tuple[float, float, float]],
) -> tuple[str, dict[str, Any]]:
    names = {
        "statistics": "fans and vertex statistics, 20 days",
        "patterns": "all patterns, 24 hours",
    }
    times = {
        key: statistics.median(a / b for a, b in zip(side.rates, theirs[key].rates, strict=True))
        for key, side in ours.items()
    }
    networkx = {what: _rate(ours[what, 128]) / slow[what] for what in names}
    bars = [
        (
            "times GFP, fans and vertex statistics, batch 128",
            times["statistics", 128],
            "≥",
            BARS["statistics"],
        ),
        ("times GFP, all patterns, batch 128", times["patterns", 128], "≥", BARS["patterns"]),
        ("recall of GFP's cycles", found["recall"], "≥", BARS["recall"]),
        *((f"times networkx, {names[what]}", networkx[what], "≥", BARS["networkx"]) for what in names),
        *(
            (f"late against early, {names[what]}", flat[what][1] / flat[what][0], "≤", BARS["flat"])
            for what in names
        ),
        *(
            (
                f"hub of {HUB:,} against one of {SMALL_HUB:,}, {names[what]}",
                hub[what][0] / hub[what][1],
                "≤",
                BARS["flat"],
            )
            for what in names
        ),
    ]
    text = "\n".join(
        [
            "## Patterns in transfers, beside GFP and networkx",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. {EDGES:,} transfers of {DAYS} days between {ACCOUNTS:,} accounts, "
            f"{RINGS:,} round trips and scatter–gathers planted; the last ones are measured, all before them warm the "
            f"state. Edges a second of processor time on one thread, medians of {REPEATS} repeats, side by side, with "
            f"{os.getloadavg()[0]:.1f} processes wanting to run on {os.cpu_count()} cores. "
            f"{machine('numpy', 'numba', 'networkx', 'snapml')}. `python -m benchmarks.motif_speed`",
            "",
            "*Fans and vertex statistics*: both sides give fan-in and fan-out as one of 29 bins each, and fan, degree, "
            "ratio, average, sum, variance, skew and kurtosis of time and amount, out and in, of both ends: "
            f"{same['columns']} columns. *All patterns*: fan-in, fan-out, temporal cycles by length, scatter–gather; "
            "GFP tells scatter–gathers by histogram, we the widest, and gather–scatters, which it has not. Ours counts "
            "cycles of 3 to 8 transfers; GFP has no upper bound, and counts pairs that pay each other.",
            "",
            "| edges/s | " + " | ".join(f"batch {size:,}" for size in BATCHES) + " |",
            "|---|" + "---:|" * len(BATCHES),
            *(
                f"| {who}, {name} | "
                + " | ".join(f"{_rate(sides[what, size]):,.0f}" for size in BATCHES)
                + " |"
                for what, name in names.items()
                for who, sides in (("Ringfence", ours), ("GFP", theirs))
            ),
            *(
                f"| times GFP, {name} | " + " | ".join(f"{times[what, size]:.1f}×" for size in BATCHES) + " |"
                for what, name in names.items()
            ),
            "",
            f"Values, edge by edge (GFP puts a whole batch in before it looks): of {same['rows']:,} rows, "
            f"{same['equal']:,} are equal to {TOLERANCE:g} in all columns; in {same['expiring']:,} GFP still counts an "
            "edge that has left the window, since it lets go of edges by the time of the edge before; in "
            f"{same['no variance in GFP']:,} it says that there is no variance where there is some and we agree in all "
            f"else; {same['otherwise']:,} differ otherwise by some rounding of GFP's, which in "
            f"{same['kurtosis below 1']:,} of them tells a kurtosis below 1, as no numbers have. "
            f"Cycles of 3 to 8: GFP {found['theirs']:,.0f}, ours {found['ours']:,.0f}, recall {found['recall']:.4f}, "
            f"precision against GFP {found['precision']:.4f}. "
            "networkx, rebuilt at each batch of 128: "
            + ", ".join(f"{slow[what]:,.1f}/s for {name}" for what, name in names.items())
            + ".",
            "",
            "Cost by the edge in µs, batch 128, both with a window of one day:",
            "",
            "| | after 10 % of the history | at its end | into a hub of 100,000 | of 1,000 | into quiet accounts |",
            "|---|---:|---:|---:|---:|---:|",
            *(
                f"| {name.split(',')[0]} | "
                + " | ".join(f"{us:.2f}" for us in (*flat[what], *hub[what]))
                + " |"
                for what, name in names.items()
            ),
            "",
            "| bar | measured | wanted | |",
            "|---|---:|---:|---|",
            *(
                f"| {name} | {value:,.4g} | {sign} {bar:,.4g} | "
                f"{'met' if (value >= bar if sign == '≥' else value <= bar) else 'NOT MET'} |"
                for name, value, sign, bar in bars
            ),
        ]
    )
    figures = {
        "ours": {f"{what} {size}": side.rates for (what, size), side in ours.items()},
        "gfp": {f"{what} {size}": side.rates for (what, size), side in theirs.items()},
        "equality": same,
        "cycles": found,
        "networkx": slow,
        "flat": flat,
        "hub": hub,
        "columns": list(COLUMNS),
    }
    return text, figures


if __name__ == "__main__":
    sys.exit(exit_status(lambda: typer.run(main)))
