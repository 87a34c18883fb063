"""Dense blocks kept by incremental peeling: time an event, beside a peel done anew with networkx for each batch.

Run as ``python -m benchmarks.dense_blocks``; prints a table and puts it into RESULTS.md. One stream of purchases over
a sliding window that holds some 5,000 pairs of account and merchant; half of the merchants' custom goes to a few of
them. Once it has gone on for ten windows, and once more after 100,000 accounts bought at one merchant.
"""

from __future__ import annotations

import heapq
import random
import statistics
import time
from collections.abc import Sequence

import networkx as nx

from benchmarks.results import machine, write_result, write_section
from fraud.ring import NodeKind
from graph.dense_blocks import BlockPolicy, DenseBlocks, Pair
from graph.layout import DAY, HOUR

ACCOUNTS, MERCHANTS = 2_000, 500
WINDOW = 5_000
"""Purchases in a window; one comes in each step of its length."""

WINDOWS = 10
HUB = 100_000
BATCHES = (1, 128, 2_048)
TURNS = 3
START = 20_000 * DAY
STEP = 30 * DAY // WINDOW


def main() -> None:
    """Measure, print and record."""
    stream = _purchases(WINDOWS * WINDOW + WINDOW // 2, START)
    blocks = DenseBlocks()
    DenseBlocks().observe_pairs(stream[:100])
    each = [_microseconds(blocks, stream[i * WINDOW : (i + 1) * WINDOW]) for i in range(WINDOWS)]
    held = len(blocks)
    anew = statistics.median(
        _seconds_anew(stream[(WINDOWS - 1) * WINDOW : WINDOWS * WINDOW]) for _ in range(TURNS)
    )
    rest = stream[WINDOWS * WINDOW :]
    ours = {size: _microseconds_in_batches(blocks, rest, size) for size in BATCHES}
    hub, with_hub = _with_hub()
    last = statistics.mean(each[-3:])
    result = {
        "microseconds_by_window": each,
        "pairs_held": held,
        "networkx_seconds": anew,
        "microseconds_by_batch": ours,
        "hub_edges": hub,
        "hub_microseconds": with_hub,
    }
    rows = [
        f"| {size:,} | {ours[size]:.0f} | {anew / size * 1e6:,.0f} | {anew / size * 1e6 / ours[size]:,.0f} |"
        for size in BATCHES
    ]
    text = "\n".join(
        [
            f"## Dense blocks by incremental peeling\n\n{held:,} pairs of {ACCOUNTS:,} accounts and {MERCHANTS:,} "
            "merchants in a window of 30 days, one thread, processor time; the sequence is brought up to date after "
            "every pair. networkx: a greedy peel with a heap over the same window, once a batch "
            f"({anew:.3f} s, its graph kept for it).\n{machine('numba', 'networkx')}. "
            "`python -m benchmarks.dense_blocks`\n",
            "| batch | ours µs/pair | networkx µs/pair | networkx / ours |\n|---:|---:|---:|---:|",
            *rows,
            f"\nHistory: {each[1]:.0f} µs/pair in the second window, {last:.0f} in the last three of {WINDOWS}. "
            f"With a merchant of {hub:,} accounts, which gets every fifth purchase: {with_hub:.0f} µs/pair.",
        ]
    )
    print(text)
    write_section("dense_blocks", text)
    write_result("dense_blocks", result)


def _purchases(count: int, start: int, seed: int = 1) -> list[Pair]:
    chance = random.Random(seed)  # noqa: S311
    pairs = []
    for i in range(count):
        popular, any_one = min(int(chance.paretovariate(0.6)), MERCHANTS), chance.randrange(MERCHANTS)
        merchant = popular if chance.random() < 0.5 else any_one
        account = chance.randrange(ACCOUNTS)
        pairs.append(Pair(f"a{account}", NodeKind.MERCHANT, f"m{merchant}", start + i * STEP))
    return pairs


def _microseconds(blocks: DenseBlocks, pairs: Sequence[Pair]) -> float:
    started = time.process_time()
    blocks.observe_pairs(pairs)
    return (time.process_time() - started) / len(pairs) * 1e6


def _microseconds_in_batches(blocks: DenseBlocks, pairs: Sequence[Pair], size: int) -> float:
    """Over one part of ``pairs`` for each size, so that all have as much to do."""
    part = len(pairs) // len(BATCHES)
    first = BATCHES.index(size) * part
    started = time.process_time()
    for at in range(first, first + part, size):
        blocks.observe_pairs(pairs[at : min(at + size, first + part)])
    return (time.process_time() - started) / part * 1e6


def _with_hub() -> tuple[int, float]:
    """A window in which one merchant has ``HUB`` accounts, then purchases of which every fifth is there."""
    blocks = DenseBlocks(BlockPolicy())
    blocks.observe_pairs(
        [Pair(f"h{i}", NodeKind.MERCHANT, "hub", START + i * (20 * DAY // HUB)) for i in range(HUB)]
    )
    stream = _purchases(WINDOW, START + 20 * DAY + HOUR)
    mixed = [
        Pair(f"h{HUB + i}", NodeKind.MERCHANT, "hub", pair.time) if i % 5 == 0 else pair
        for i, pair in enumerate(stream)
    ]
    blocks.observe_pairs(mixed[: WINDOW // 2])
    took = _microseconds(blocks, mixed[WINDOW // 2 :])
    return sum(1 for member, _ in blocks.peeling() if member.token.startswith("h")) - 1, took


def _seconds_anew(pairs: Sequence[Pair]) -> float:
    """One greedy peel of a window with networkx; making its graph is not counted."""
    graph: nx.Graph[str] = nx.Graph()
    for pair in pairs:
        graph.add_edge(pair.account, pair.token, weight=1.0)
    started = time.process_time()
    weight = dict(graph.degree(weight="weight"))
    entered = {node: i for i, node in enumerate(graph)}
    heap = [(weight[node], entered[node], node) for node in graph]
    heapq.heapify(heap)
    gone: set[str] = set()
    while heap:
        least, _, node = heapq.heappop(heap)
        if node in gone or least != weight[node]:
            continue
        gone.add(node)
        for other, edge in graph.adj[node].items():
            if other not in gone:
                weight[other] -= edge["weight"]
                heapq.heappush(heap, (weight[other], entered[other], other))
    return time.process_time() - started


if __name__ == "__main__":
    main()
