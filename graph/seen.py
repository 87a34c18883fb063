"""The transaction ids of late, so that one that comes twice moves the state once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from graph.kernels.seen import admit_ids, put_all
from graph.nodes import pack_names

__all__ = ["SeenIds"]


class SeenIds:
    """Remembers at least the last ``horizon`` distinct ids, and at most twice as many, in 32 bytes each.

    Two generations: when the younger one holds ``horizon`` ids it becomes the older one, and the older one is
    forgotten. Which ids are new depends on their order alone, never on how they were cut into batches. Ids are
    told apart by 63 bits of a hash: with 10 million remembered, one new id in 10¹² is taken for a known one.
    """

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        places = 1 << (2 * horizon - 1).bit_length()
        self._young: NDArray[np.uint64] = np.zeros(places, dtype=np.uint64)
        self._older: NDArray[np.uint64] = np.zeros(places, dtype=np.uint64)
        self._held = 0

    def admit(self, ids: list[str]) -> NDArray[np.bool_]:
        """Note the ids in their order; true where an id had not been seen, of two equal ones only the first."""
        fresh = np.zeros(len(ids), dtype=np.bool_)
        text, sizes = pack_names(ids)
        row = 0
        while row < len(ids):
            row, taken = admit_ids(
                text, sizes, row, self._young, self._older, self.horizon - self._held, fresh
            )
            self._held += taken
            if self._held == self.horizon:
                self._young, self._older = self._older, self._young
                self._young[:] = 0
                self._held = 0
        return fresh

    def arrays(self) -> dict[str, NDArray[np.uint64]]:
        """What is remembered, for a snapshot."""
        return {"young": self._young[self._young != 0], "older": self._older[self._older != 0]}

    @classmethod
    def restore(cls, horizon: int, arrays: Mapping[str, NDArray[np.uint64]]) -> SeenIds:
        """As it was when ``arrays`` was made, with the same horizon."""
        seen = cls(horizon)
        for name, table in (("young", seen._young), ("older", seen._older)):
            put_all(table, np.array(arrays[name]))
        seen._held = len(arrays["young"])
        return seen
