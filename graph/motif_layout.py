"""The flat records of the motif state: one transfer, one account that transfers, and what a pattern looks like.

Kept apart from ``graph.layout.NODE``, so that nodes which never transfer cost nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from graph.finding import FindingKind

__all__ = [
    "CYCLE",
    "DENSE_BLOCK",
    "FAN_IN",
    "FAN_OUT",
    "FOUND",
    "FOUND_EDGE",
    "GATHER_SCATTER",
    "LONGEST_CYCLE",
    "MOST_CYCLES_SHOWN",
    "MOST_FOUND",
    "MOST_FOUND_EDGES",
    "MOST_SHOWN",
    "PARTY",
    "PATTERN_KINDS",
    "SCATTER_GATHER",
    "SHARED_ATTRIBUTE",
    "TRANSFER",
    "Census",
    "FoundArrays",
    "MotifArrays",
    "MotifScratch",
    "Span",
]

TRANSFER = np.dtype(
    [
        ("time", np.int64),  # µs since 1970 UTC
        ("amount", np.float64),
        ("source", np.int32),  # party numbers
        ("target", np.int32),
        ("back_out", np.uint32),  # serials back to the source's transfer before, 0 for none that is held
        ("back_in", np.uint32),  # the same of the target
        ("hops", np.int64),  # times that the money had been passed on before
    ],
    align=True,
)
"""One transfer between two accounts. Serial s lies at place s modulo the length of the ring."""

PARTY = np.dtype(
    [
        ("name", np.uint64, (4,)),  # as in graph.kernels.names
        ("newest_out", np.int64),  # serial + 1 of its latest transfer to have arrived, 0 for none
        ("newest_in", np.int64),
        ("cycle_time", np.int64),
        ("gather_time", np.int64),
        ("cycles", np.float32),  # decayed counts, as of the times above
        ("gathers", np.float32),
        ("nodes", np.int32),  # sides of the account that live; none left, and its number will be given again
    ],
    align=True,
)
"""An account that takes part in transfers, payer and payee side together."""

CYCLE, FAN_IN, FAN_OUT, SCATTER_GATHER, GATHER_SCATTER, SHARED_ATTRIBUTE, DENSE_BLOCK = range(7)
PATTERN_KINDS: tuple[FindingKind, ...] = (
    FindingKind.CYCLE,
    FindingKind.FAN_IN,
    FindingKind.FAN_OUT,
    FindingKind.SCATTER_GATHER,
    FindingKind.GATHER_SCATTER,
    FindingKind.SHARED_ATTRIBUTE,
    FindingKind.DENSE_BLOCK,
)
"""By the number that kernels write."""

LONGEST_CYCLE = 8
MOST_SHOWN = 24
"""Transfers shown of one pattern, at most; the newest ones."""
MOST_CYCLES_SHOWN = 3
MOST_FOUND = MOST_CYCLES_SHOWN + 4
MOST_FOUND_EDGES = MOST_CYCLES_SHOWN * LONGEST_CYCLE + 4 * MOST_SHOWN
"""Patterns and transfers told of one transaction, at most."""

FOUND = np.dtype(
    [
        ("kind", np.int32),
        ("centre", np.int32),  # number of the party, or node, −1 for none
        # transfers of a cycle, counterparties of a fan, intermediaries of a scatter–gather, accounts of the others
        ("size", np.int32),
        ("edges", np.int32),  # of them in the table of transfers
        ("strength", np.float64),
    ],
    align=True,
)
FOUND_EDGE = np.dtype(
    [("time", np.int64), ("amount", np.float64), ("source", np.int32), ("target", np.int32)], align=True
)


class Census(IntEnum):
    """Places of the figures that the kernels keep."""

    HEAD = 0
    """Serial of the next transfer."""
    TAIL = 1
    """Oldest serial still held."""
    RING = 2
    """Length of the ring, a power of two."""
    CLOCK = 3
    """Latest time of any transfer, µs."""
    PARTIES = 4
    """Numbers given out."""
    FREE = 5
    """Of them, to be given again."""
    LATE = 6
    """Transfers that came too late and were kept out of windows."""
    DROPPED = 7
    """Transfers that had to make room while still inside the window, or for which there was none."""
    TRUNCATED = 8
    """Searches that were cut off at their budget."""


class Span(IntEnum):
    """Places of the lengths of time, µs, that the kernels go by."""

    WINDOW = 0
    """Of all patterns."""
    SHORT = 1
    """Of the fans that form fast."""
    LATENESS = 2
    """How far behind the latest transfer one may arrive."""


class MotifArrays(NamedTuple):
    """The motif state as kernels see it."""

    transfers: NDArray[np.void]
    parties: NDArray[np.void]
    free: NDArray[np.int32]
    census: NDArray[np.int64]
    spans: NDArray[np.int64]


class MotifScratch(NamedTuple):
    """Room that kernels need while they look at one transfer; nothing in it is state."""

    near: NDArray[np.void]
    near_table: NDArray[np.int16]
    reached: NDArray[np.void]
    reached_table: NDArray[np.int16]
    paths: NDArray[np.int64]
    lengths: NDArray[np.int64]
    widths: NDArray[np.int32]
    marks: NDArray[np.int32]
    times: NDArray[np.int64]
    members: NDArray[np.int32]


class FoundArrays(NamedTuple):
    """Patterns of a micro-batch as kernels write them; of length 0 where nobody asks for them."""

    spans: NDArray[np.int32]
    """[n, 2] first pattern of each transaction, and the one after its last"""
    patterns: NDArray[np.void]
    edges: NDArray[np.void]
    counts: NDArray[np.int64]
    """[patterns, edges] written so far"""
