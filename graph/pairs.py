"""The pairs of nodes that have transacted together, in one table that grows in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graph.kernels.pairs import FULLEST, SEGMENTS, pair_forget
from graph.layout import PAIR
from graph.reserve import reserve

__all__ = ["PairTable"]

PLACES_AT_FIRST = 8
UNEVEN = 1.3
"""How much fuller than the average a segment may become: hashing spreads thousands of pairs within a few per cent."""

SPARE = 256
"""Places more for segments of a small table, where chance weighs more."""


class PairTable:
    """Room for ``most`` pairs; what is not used costs nothing."""

    def __init__(self, most: int) -> None:
        self.most = most
        length = int(most / SEGMENTS / FULLEST * UNEVEN) + SPARE
        self.places: NDArray[np.void] = reserve(SEGMENTS * length, PAIR)
        self.segments = np.zeros((SEGMENTS, 2), dtype=np.int32)
        """[places in use, pairs held] of each segment"""
        self.segments[:, 0] = PLACES_AT_FIRST

    def __len__(self) -> int:
        return int(self.segments[:, 1].sum())

    def memory(self) -> int:
        """Bytes of the places in use."""
        return int(self.segments[:, 0].sum()) * PAIR.itemsize

    def forget(self, cutoff: int, nodes: NDArray[np.void]) -> int:
        """Forget pairs last seen at or before ``cutoff`` (µs); returns how many went."""
        return pair_forget(self.places, self.segments, cutoff, nodes)

    def held(self) -> NDArray[np.int64]:
        """Places of all pairs, in order."""
        length = len(self.places) // SEGMENTS
        return np.concatenate(
            [
                first + np.flatnonzero(self.places["left"][first : first + size])
                for first, size in zip(
                    range(0, len(self.places), length), self.segments[:, 0].tolist(), strict=True
                )
            ]
        )
