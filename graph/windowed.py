"""Flat arrays behind the detectors that look at a sliding window of pairs, and their exact form as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
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

__all__ = ["NodeNames", "pack_arrays", "pair_window", "restore_window", "unpack_arrays", "window_arrays"]

SLOTS_AT_FIRST = 1 << 10


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


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """The bytes of each array."""
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def unpack_arrays(packed: Mapping[str, bytes], like: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of the types that ``like`` has under the same names. Raises msgspec.ValidationError for other bytes."""
    arrays = {}
    for name, array in like.items():
        row = array.dtype.itemsize * int(np.prod(array.shape[1:]))
        if name not in packed or len(packed[name]) % row:
            raise msgspec.ValidationError(f"{name}: not what this release keeps")
        arrays[name] = np.frombuffer(packed[name], dtype=array.dtype).reshape(-1, *array.shape[1:])
    return arrays


class NodeNames:
    """Numbers for named nodes, given again when a node has left."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self.names: list[tuple[str, str] | None] = []
        self.spare: list[int] = []

    def __len__(self) -> int:
        return len(self.names)

    def number(self, kind: str, token: str) -> int:
        """The node's number, a new one for a newcomer."""
        name = (kind, token)
        number = self.numbers.get(name)
        if number is None:
            if self.spare:
                number = self.spare.pop()
                self.names[number] = name
            else:
                number = len(self.names)
                self.names.append(name)
            self.numbers[name] = number
        return number

    def find(self, kind: str, token: str) -> int:
        """The node's number, −1 when it is not known."""
        return self.numbers.get((kind, token), -1)

    def name(self, number: int) -> tuple[str, str]:
        """Kind and token of a node that is known."""
        name = self.names[number]
        if name is None:
            raise KeyError(number)
        return name

    def forget(self, number: int) -> None:
        """Let a newcomer have the number of a node that has left."""
        name = self.names[number]
        if name is not None:
            del self.numbers[name]
            self.names[number] = None
            self.spare.append(number)

    def to_list(self) -> tuple[list[tuple[str, str] | None], list[int]]:
        """Names by number and the numbers to give again, in order."""
        return self.names, self.spare

    def restore(self, names: list[tuple[str, str] | None], spare: list[int]) -> None:
        """Bring back what ``to_list`` told."""
        self.names, self.spare = names, spare
        self.numbers = {name: number for number, name in enumerate(names) if name is not None}
