"""The pair table: one account with one target, device or address, in an open-addressing hash table."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel

EMPTY = 0


@kernel
def pair_hash(left: int, right: int) -> int:
    """Mix two node numbers (splitmix64 finaliser, Steele et al. 2014)."""
    x = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def pair_find(pairs: Any, left: int, right: int) -> int:
    """Place of the pair, or the empty place where it would go; the table always has empty places."""
    mask = np.uint64(len(pairs) - 1)
    place = pair_hash(left, right) & mask
    while pairs[place].left != EMPTY:
        if pairs[place].left == left + 1 and pairs[place].right == right + 1:
            break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@kernel
def pair_rehash(old: Any, new: Any, cutoff: int, nodes: Any) -> int:
    """Move the pairs seen after ``cutoff`` to an empty table; forgotten ones leave the degrees. Returns pairs kept."""
    kept = 0
    for i in range(len(old)):
        if old[i].left == EMPTY:
            continue
        left = old[i].left - 1
        right = old[i].right - 1
        if old[i].last > cutoff:
            new[pair_find(new, left, right)] = old[i]
            kept += 1
        else:
            kind = nodes[right].kind
            relation = 1 if kind == 2 else 2 if kind == 3 else 0
            nodes[left].degree[relation] -= 1
            nodes[right].degree[0] -= 1
    return kept
