"""Fans and vertex statistics of edges over a sliding window, exact, for work on data beside the score path.

What IBM's Graph Feature Preprocessor computes (Blanuša et al., "Graph Feature Preprocessor: Real-time Subgraph-based
Feature Extraction for Financial Crime Detection", ICAIF 2024) as vertex statistics and fan patterns, edge by edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraud.errors import InputError
from graph.kernels.vertex_statistics import (
    BLOCK_WIDTH,
    EDGE_WIDTH,
    LATEST,
    SIDE_WIDTH,
    grow_edges,
    grow_pairs,
    observe_edges,
)

__all__ = ["FAN_BINS", "VertexStatistics"]

FAN_BINS: tuple[int, ...] = tuple(range(2, 31))
STATISTICS: tuple[str, ...] = (
    "fan",
    "degree",
    "ratio",
    *(
        f"{field}_{statistic}"
        for field in ("time", "amount")
        for statistic in ("average", "sum", "variance", "skew", "kurtosis")
    ),
)
AT_FIRST = 1 << 12
FULLEST = 0.5
"""Share of the places of the table of pairs in use at most."""


class VertexStatistics:
    """Sliding-window statistics of vertices that are numbered from 0; edges come in order of time.

    Edges at or before the window (in the unit of the times, whole numbers) have left it. Amounts are held as whole
    numbers of ``unit``, and so without drift; their distance within one vertex must stay below 2^26 units, that of
    times below 2^26.
    """

    def __init__(
        self, vertices: int, window: int, *, unit: float = 0.01, fan_bins: Sequence[int] = FAN_BINS
    ) -> None:
        self.window = window
        self.unit = unit
        self._bins = np.array(fan_bins, dtype=np.int64)
        self._vertices = np.zeros((vertices, 2, SIDE_WIDTH), dtype=np.int64)
        self._edges = np.zeros((AT_FIRST, EDGE_WIDTH), dtype=np.int64)
        self._pairs = np.zeros(AT_FIRST, dtype=np.int64)
        self._counts = np.zeros(AT_FIRST, dtype=np.int64)
        self._census = np.zeros(4, dtype=np.int64)
        self._census[LATEST] = np.iinfo(np.int64).min

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that ``observe`` returns."""
        bins = [f"{way}_{size}" for way in ("fan_in", "fan_out") for size in self._bins.tolist()]
        sides = [f"{end}_{side}" for end in ("source", "target") for side in ("out", "in")]
        return (*bins, *(f"{side}_{name}" for side in sides for name in STATISTICS))

    def observe(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        time: NDArray[np.int64],
        amount: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Insert n edges one after the other; row i [n, columns] is as of edge i, itself included.

        Raises InputError where an edge is older than the one before it, or a vertex has no number below the most.
        """
        self._make_room(len(source))
        out = np.empty((len(source), 2 * len(self._bins) + 4 * BLOCK_WIDTH))
        taken = observe_edges(
            source, target, time, amount, self.window, self.unit, self._bins, self._edges, self._vertices,
            self._pairs, self._counts, self._census, out,
        )  # fmt: skip
        if not taken:
            most = len(self._vertices) - 1
            raise InputError(f"edges: give them in order of time, with vertex numbers from 0 to {most}")
        return out

    def _make_room(self, coming: int) -> None:
        head, tail, pairs, _ = self._census.tolist()
        if head - tail + coming > len(self._edges):
            length = 1 << (2 * (head - tail + coming) - 1).bit_length()
            larger = np.zeros((length, EDGE_WIDTH), dtype=np.int64)
            grow_edges(self._edges, larger, self._census)
            self._edges = larger
        if pairs + coming > FULLEST * len(self._pairs):
            length = 1 << int(2 * (pairs + coming) / FULLEST - 1).bit_length()
            keys, counts = np.zeros(length, dtype=np.int64), np.zeros(length, dtype=np.int64)
            grow_pairs(self._pairs, self._counts, keys, counts)
            self._pairs, self._counts = keys, counts
