"""Transaction ids seen lately, as 64-bit hashes in an open-addressing table, in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.names import hash_name, read_name
from graph.name_layout import WORDS

EMPTY = np.uint64(0)


@kernel
def holds(table: Any, mixed: Any) -> bool:
    """Whether a hash is in the table, whose length is a power of two and which is never full."""
    mask = np.uint64(len(table) - 1)
    place = mixed & mask
    while table[place] != EMPTY:
        if table[place] == mixed:
            return True
        place = (place + np.uint64(1)) & mask
    return False


@kernel
def put(table: Any, mixed: Any) -> None:
    """Add a hash that the table does not hold."""
    mask = np.uint64(len(table) - 1)
    place = mixed & mask
    while table[place] != EMPTY:
        place = (place + np.uint64(1)) & mask
    table[place] = mixed


@kernel
def put_all(table: Any, hashes: Any) -> None:
    """Add hashes, distinct ones that the table does not hold."""
    for mixed in hashes:
        put(table, mixed)


@kernel
def admit_ids(
    text: Any, sizes: Any, begin: int, young: Any, older: Any, room: int, fresh: Any
) -> tuple[int, int]:
    """Note the ids from row ``begin`` on in ``young`` and whether each is new in ``fresh``.

    Stops when ``room`` new ones have been taken in; returns the row where it stopped and the new ones it took.
    """
    name = np.zeros(WORDS, dtype=np.uint64)
    start = 0
    for i in range(begin):
        start += sizes[i]
    taken = 0
    for i in range(begin, len(sizes)):
        if taken == room:
            return i, taken
        read_name(text, start, sizes[i], 0, name)
        start += sizes[i]
        mixed = hash_name(name) | np.uint64(1)
        fresh[i] = not (holds(young, mixed) or holds(older, mixed))
        if fresh[i]:
            put(young, mixed)
            taken += 1
    return len(sizes), taken
