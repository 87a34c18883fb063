"""Fans, temporal cycles and scatter–gathers through the edges of a stream, for work on data beside the score path.

The same kernels as in the online graph, with the window, the share of money kept and the budget to be chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fraud.errors import InputError
from graph.kernels.motif_counts import WIDTH, count_patterns
from graph.kernels.motif_cycles import SHORTEST
from graph.kernels.motif_scratch import make_scratch
from graph.motif_layout import LONGEST_CYCLE
from graph.motifs import MotifState

__all__ = ["COLUMNS", "TransferPatterns"]

COLUMNS: tuple[str, ...] = (
    "fan_in",
    "fan_out",
    *(f"cycles_{length}" for length in range(SHORTEST, LONGEST_CYCLE + 1)),
    "scatter_gather_width",
    "gather_scatter_width",
)


class TransferPatterns:
    """Patterns of edges between vertices that are numbered from 0.

    ``window`` and ``lateness`` are in the unit of the times, whole numbers. ``kept`` is the least share of its amount
    that each transfer of a cycle passes on, 0 for cycles by time alone. At most ``most_cycles`` are found for one edge,
    looking at about ``budget`` others.
    """

    def __init__(
        self,
        vertices: int,
        window: int,
        *,
        lateness: int = 0,
        kept: float = 0.0,
        most_edges: int = 1 << 22,
        most_cycles: int = 256,
        budget: int = 1 << 14,
    ) -> None:
        self.kept, self.budget = kept, budget
        self.state = MotifState(vertices, most_edges, window=window, short=window, lateness=lateness)
        self._vertices = vertices
        self._scratch = make_scratch(most_cycles)
        self._seen = np.zeros(most_cycles, dtype=np.uint64)

    def observe(
        self,
        source: NDArray[np.int64],
        target: NDArray[np.int64],
        time: NDArray[np.int64],
        amount: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Insert n edges in order of arrival; row i [n, COLUMNS] is as of edge i, itself included.

        NaN for an edge from a vertex to itself, or one that came too late. Raises InputError where a vertex has no
        number below the most.
        """
        out = np.empty((len(source), WIDTH))
        taken = count_patterns(
            source, target, time, amount, self._vertices, self.kept, self.budget, self.state.arrays, self._scratch,
            self._seen, out,
        )  # fmt: skip
        if not taken:
            raise InputError(f"vertex numbers: must lie from 0 to {self._vertices - 1}; make more vertices")
        return out
