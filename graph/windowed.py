"""Flat arrays behind the detectors that look at a sliding window of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.kernels.pair_window import (
    HELD,
    MADE,
    PAIR_COUNTS,
    SIZE,
    SPARE,
    WINDOW_PAIR,
    PairWindow,
    rebuild_slots,
)
from graph.reserve import reserve

__all__ = [
    "BYTES_A_NODE",
    "BYTES_A_PAIR",
    "pair_window",
    "part_of",
    "restore_window",
    "window_arrays",
    "window_memory",
]

SLOTS_AT_FIRST = 1 << 10

BYTES_A_PAIR = WINDOW_PAIR.itemsize + 8 + 4 + 4 + 11
"""Its record, its place in the heap and among the spare ones, and its slots: two thirds free when there are most."""
BYTES_A_NODE = 8


def pair_window(most_pairs: int, most_nodes: int) -> PairWindow:
    """An empty window; its arrays cost only what is used of them."""
    slots = max(1 << (2 * most_pairs - 1).bit_length(), SLOTS_AT_FIRST)
    window = PairWindow(
        pairs=reserve(most_pairs + 1, WINDOW_PAIR),
        table=reserve(slots, np.int32),
        counts=np.zeros(PAIR_COUNTS, dtype=np.int64),
        due_time=reserve(most_pairs + 1, np.int64),
        due_pair=reserve(most_pairs + 1, np.int32),
        spare=reserve(most_pairs + 1, np.int32),
        degree=reserve(most_nodes, np.int32),
        newest=reserve(most_nodes, np.int32),
    )
    window.counts[SIZE] = SLOTS_AT_FIRST
    return window


def window_memory(window: PairWindow) -> int:
    """Bytes written so far, but for what there is of each node."""
    return int(window.counts[MADE]) * (WINDOW_PAIR.itemsize + 16) + int(window.counts[SIZE]) * 4


def window_arrays(window: PairWindow, nodes: int) -> dict[str, NDArray[Any]]:
    """What of the arrays is in use; the table is made anew from the pairs."""
    held, made, spare = (int(window.counts[at]) for at in (HELD, MADE, SPARE))
    return {
        "pairs": window.pairs[:made],
        "pair_counts": window.counts,
        "due_time": window.due_time[:held],
        "due_pair": window.due_pair[:held],
        "spare": window.spare[:spare],
        "degree": window.degree[:nodes],
        "newest": window.newest[:nodes],
    }


def restore_window(window: PairWindow, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Bring back what ``window_arrays`` told."""
    for name in ("pairs", "due_time", "due_pair", "spare", "degree", "newest"):
        getattr(window, name)[: len(arrays[name])] = arrays[name]
    window.counts[:] = arrays["pair_counts"]
    rebuild_slots(window)


def part_of(blocks: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The blocks whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): block for name, block in blocks.items() if name.startswith(prefix)}
