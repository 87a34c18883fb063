"""Names of nodes: token to node number, kind by kind, with numbers used again after eviction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.kernels.names import find_number, intern_rows, rebuild_table
from graph.layout import NODE
from graph.name_layout import NAME_BYTES, WORDS, pack_names
from graph.reserve import reserve

__all__ = ["LENT", "NAME_BYTES", "NodeIndex", "pack_names"]

TABLE_AT_FIRST = 1 << 10

LENT = 4
"""Numbers beyond the capacity, for the ends of one transaction that is looked at while the graph is full."""


class NodeIndex:
    """Gives every token a node number and prepares its record in ``nodes``.

    All arrays are reserved once at the capacity that the memory budget allows, so memory follows use and nothing is
    copied when the graph grows.
    """

    def __init__(self, capacity: int) -> None:
        self.room: NDArray[np.void] = reserve(capacity + LENT, NODE, large_pages=True)
        """Records by number, those of newcomers that are looked at and not kept included."""
        self.names: NDArray[np.uint64] = reserve(WORDS * (capacity + LENT), np.uint64).reshape(-1, WORDS)
        places = max(1 << (2 * capacity - 1).bit_length(), TABLE_AT_FIRST)
        self.table: NDArray[np.int32] = reserve(places, np.int32)
        self.free: NDArray[np.int32] = reserve(capacity, np.int32)
        """Numbers to give again, the next one last; ``census[1]`` of them."""
        self.census = np.array([0, 0, TABLE_AT_FIRST], dtype=np.int64)
        """[numbers given out, free numbers, places of the table in use]"""

    @property
    def nodes(self) -> NDArray[np.void]:
        """Records by number, as many as there may be nodes."""
        return self.room[:-LENT]

    def __len__(self) -> int:
        return int(self.census[0] - self.census[1])

    @property
    def used(self) -> int:
        """Numbers given out so far; the records below it are in use or free."""
        return int(self.census[0])

    def is_live(self) -> NDArray[np.bool_]:
        """Of each number given out, whether a node has it now."""
        live: NDArray[np.bool_] = self.names[: self.used, WORDS - 1] != 0
        return live

    def memory(self) -> int:
        """Bytes written so far."""
        used, free, places = self.census.tolist()
        return int(used * (NODE.itemsize + NAME_BYTES) + (free + places) * self.table.itemsize)

    def intern(
        self,
        rows: NDArray[np.void],
        start: int,
        packed: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        counters: NDArray[np.int64],
        newest_day: int,
        most_pairs: int,
    ) -> int:
        """Fill ``ends`` of the events from ``start`` on; returns where it had to stop.

        See ``graph.kernels.names.intern_rows``.
        """
        text, sizes = packed
        return intern_rows(
            rows, start, text, sizes, self.nodes, self.names, self.table, self.free, self.census, counters,
            newest_day, most_pairs,
        )  # fmt: skip

    def find(self, kind: int, token: str) -> int:
        """Number of the node, −1 when it is not known."""
        text, sizes = pack_names([token])
        return find_number(text, int(sizes[0]), kind, self.names, self.table, self.census)

    def evict(self, numbers: NDArray[np.int64]) -> None:
        """Forget nodes; their numbers are given to later newcomers."""
        if not len(numbers):
            return
        twins = self.nodes["twin"][numbers]
        self.nodes["twin"][twins[twins > 0] - 1] = 0
        self.nodes[numbers] = np.zeros((), dtype=NODE)
        self.names[numbers] = 0
        free = int(self.census[1])
        self.free[free : free + len(numbers)] = numbers
        self.census[1] += len(numbers)
        rebuild_table(self.names, self.table, self.census)

    def restore(self, names: NDArray[np.uint64], free: NDArray[np.int32], census: NDArray[np.int64]) -> None:
        """Bring back the names after ``nodes`` has been read from a snapshot."""
        self.names[: int(census[0])] = names.reshape(-1, WORDS)
        self.free[: len(free)] = free
        self.census[:] = census
        rebuild_table(self.names, self.table, self.census)
