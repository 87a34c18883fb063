"""Dense blocks kept by incremental peeling: time an event, beside a peel done anew with networkx for each batch.

Run as ``python -m benchmarks.dense_blocks``; prints a table and puts it into RESULTS.md. One stream of purchases over
a sliding window that holds some 5,000 pairs of account and merchant; half of the merchants' custom goes to a few of
them. Once it has gone on for ten windows, and once more after 100,000 accounts bought at one merchant.
"""

from __future__ import annotations

import heapq
import random
import statistics
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import networkx as nx
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.results import machine, write_result, write_section
from fraud.exits import exit_status
from graph.dense_blocks import DenseBlocks
from graph.events import Events
from graph.layout import DAY, HOUR, MERCHANT
from graph.online import DETECTOR_SHARE, OnlineGraph

ACCOUNTS, MERCHANTS = 2_000, 500
WINDOW = 5_000
"""Purchases in a window; one comes in each step of its length."""

WINDOWS = 10
HUB = 100_000
BATCHES = (1, 128, 2_048)
TURNS = 3
START = 20_000 * DAY
STEP = 30 * DAY // WINDOW


class Purchase(NamedTuple):
    """One account at one merchant."""

    account: str
    merchant: str
    time: int


class Shop:
    """The detector with names numbered by an online graph, which is not timed and forgets nobody."""

    def __init__(self) -> None:
        self.graph = OnlineGraph(retention_days=1_000.0)
        self.blocks = DenseBlocks(self.graph.capacity, self.graph.memory_budget // DETECTOR_SHARE)

    def microseconds(self, purchases: Sequence[Purchase], size: int | None = None) -> float:
        """Take purchases in, in batches of ``size`` or all at once; processor time of each."""
        size = size or len(purchases)
        parts = [self._numbered(purchases[at : at + size]) for at in range(0, len(purchases), size)]
        nothing = self.blocks.found.of(0)
        started = time.process_time()
        for rows in parts:
            self.blocks.observe(rows, 0, nothing)
        return (time.process_time() - started) / len(purchases) * 1e6

    def _numbered(self, purchases: Sequence[Purchase]) -> NDArray[np.void]:
        n = len(purchases)
        time_ = np.array([one.time for one in purchases], dtype=np.int64)
        events = Events.from_columns(
            account=[one.account for one in purchases],
            target=[one.merchant for one in purchases],
            device=[None] * n,
            ip=[None] * n,
            time=time_,
            event_time=time_,
            amount=np.full(n, 10.0),
        )
        self.graph.observe(events, neighbourhoods=False)
        return events.rows


def main() -> None:
    """Measure, print and record."""
    stream = _purchases(WINDOWS * WINDOW + WINDOW // 2, START)
    shop = Shop()
    Shop().microseconds(stream[:100])
    each = [shop.microseconds(stream[i * WINDOW : (i + 1) * WINDOW]) for i in range(WINDOWS)]
    held = len(shop.blocks)
    anew = statistics.median(
        _seconds_anew(stream[(WINDOWS - 1) * WINDOW : WINDOWS * WINDOW]) for _ in range(TURNS)
    )
    rest = stream[WINDOWS * WINDOW :]
    part = len(rest) // len(BATCHES)
    ours = {size: shop.microseconds(rest[i * part : (i + 1) * part], size) for i, size in enumerate(BATCHES)}
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


def _purchases(count: int, start: int, seed: int = 1) -> list[Purchase]:
    chance = random.Random(seed)  # noqa: S311
    purchases = []
    for i in range(count):
        popular, any_one = min(int(chance.paretovariate(0.6)), MERCHANTS), chance.randrange(MERCHANTS)
        merchant = popular if chance.random() < 0.5 else any_one
        account = chance.randrange(ACCOUNTS)
        purchases.append(Purchase(f"a{account}", f"m{merchant}", start + i * STEP))
    return purchases


def _with_hub() -> tuple[int, float]:
    """A window in which one merchant has ``HUB`` accounts, then purchases of which every fifth is there."""
    shop = Shop()
    shop.microseconds([Purchase(f"h{i}", "hub", START + i * (20 * DAY // HUB)) for i in range(HUB)])
    stream = _purchases(WINDOW, START + 20 * DAY + HOUR)
    mixed = [Purchase(f"h{HUB + i}", "hub", one.time) if i % 5 == 0 else one for i, one in enumerate(stream)]
    shop.microseconds(mixed[: WINDOW // 2])
    took = shop.microseconds(mixed[WINDOW // 2 :])
    hub = shop.graph.index.find(MERCHANT, "hub")
    return int(shop.graph.nodes[hub]["degree"][0]), took


def _seconds_anew(purchases: Sequence[Purchase]) -> float:
    """One greedy peel of a window with networkx; making its graph is not counted."""
    graph: nx.Graph[str] = nx.Graph()
    for one in purchases:
        graph.add_edge(one.account, one.merchant, weight=1.0)
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
    sys.exit(exit_status(lambda: typer.run(main)))
