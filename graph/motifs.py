"""The motif state of the online graph: recent transfers between accounts, and what patterns each account was part of.

Accounts that never transfer cost nothing here; a transfer costs ``TRANSFER.itemsize`` bytes for as long as a window
may see it. All work is bounded for each transaction, whatever the degrees of its ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graph.found import FoundRoom
from graph.kernels.motif_edges import release_nodes
from graph.layout import DAY, HOUR
from graph.motif_layout import (
    MOST_FOUND,
    MOST_FOUND_EDGES,
    PARTY,
    TRANSFER,
    Census,
    MotifArrays,
)
from graph.reserve import reserve

__all__ = ["LATENESS", "SHORT_WINDOW", "WINDOW", "MotifState"]

WINDOW = 14 * DAY
"""A pattern's transfers lie within this time, µs."""

SHORT_WINDOW = DAY
LATENESS = HOUR
"""How far behind the latest transfer another may arrive and still be put where it belongs in the windows."""

RING_AT_FIRST = 1 << 10


class MotifState:
    """Room for the motifs of ``capacity`` nodes and, at one time, up to ``most_transfers`` transfers.

    ``window``, ``short`` and ``lateness`` are in µs. Where there are more transfers within the window than there is
    room for, the oldest go before their time, and are counted.
    """

    def __init__(
        self,
        capacity: int,
        most_transfers: int,
        *,
        window: int = WINDOW,
        short: int = SHORT_WINDOW,
        lateness: int = LATENESS,
    ) -> None:
        ring = RING_AT_FIRST
        while 2 * ring <= most_transfers:
            ring *= 2
        parties = capacity + 2 * ring
        census = np.zeros(len(Census), dtype=np.int64)
        census[Census.RING] = RING_AT_FIRST
        self.arrays = MotifArrays(
            transfers=reserve(ring, TRANSFER),
            parties=reserve(parties, PARTY),
            free=reserve(parties, np.int32),
            census=census,
            spans=np.array([window, short, lateness], dtype=np.int64),
        )
        self.found = FoundRoom(MOST_FOUND, MOST_FOUND_EDGES)

    @property
    def late(self) -> int:
        """Transfers that came more than the allowed lateness after the latest one; they are in no window."""
        return int(self.arrays.census[Census.LATE])

    @property
    def dropped(self) -> int:
        """Transfers that there was no room for while a window could still have seen them."""
        return int(self.arrays.census[Census.DROPPED])

    @property
    def truncated(self) -> int:
        """Searches for cycles that ended at their budget."""
        return int(self.arrays.census[Census.TRUNCATED])

    def memory(self) -> int:
        """Bytes written so far."""
        ring, parties, free = (int(self.arrays.census[i]) for i in (Census.RING, Census.PARTIES, Census.FREE))
        if not parties:
            return 0
        return ring * TRANSFER.itemsize + parties * PARTY.itemsize + free * self.arrays.free.itemsize

    def release(self, nodes: NDArray[np.void], evicted: NDArray[np.int64]) -> None:
        """Take leave of nodes that are about to be evicted; transfers within the window stay."""
        arrays = self.arrays
        release_nodes(nodes, arrays.parties, arrays.free, arrays.census, evicted)

    def blocks(self) -> dict[str, NDArray[Any]]:
        """What a snapshot keeps."""
        arrays = self.arrays
        head, tail, ring = (int(arrays.census[i]) for i in (Census.HEAD, Census.TAIL, Census.RING))
        return {
            "motif_census": arrays.census,
            "motif_spans": arrays.spans,
            "transfers": arrays.transfers[np.arange(tail, head) & (ring - 1)],
            "parties": arrays.parties[: arrays.census[Census.PARTIES]],
            "party_free": arrays.free[: arrays.census[Census.FREE]],
        }

    def restore(self, blocks: dict[str, NDArray[Any]]) -> None:
        """Bring back what ``blocks`` told."""
        arrays = self.arrays
        arrays.census[:] = blocks["motif_census"]
        arrays.spans[:] = blocks["motif_spans"]
        head, tail, ring = (int(arrays.census[i]) for i in (Census.HEAD, Census.TAIL, Census.RING))
        arrays.transfers[np.arange(tail, head) & (ring - 1)] = blocks["transfers"]
        arrays.parties[: len(blocks["parties"])] = blocks["parties"]
        arrays.free[: len(blocks["party_free"])] = blocks["party_free"]
