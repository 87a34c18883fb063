"""Pairs of numbered nodes that were together within a sliding window: found by hash, dropped when their age is up.

A pair is renewed each time it is seen. The heap that tells whose age is up holds each pair once, under the time at
which it was last put there; a pair renewed since is put back when it comes out. So late events need no care.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow
from graph.kernels.heaps import pair_pop, pair_push
from graph.kernels.pairs import pair_hash

# Places in ``counts``.
HELD, MADE, SPARE, SIZE, CLOCK, LATE, PAIR_COUNTS = 0, 1, 2, 3, 4, 5, 6

WINDOW_PAIR = np.dtype(
    [
        ("last", np.int64),
        ("amount", np.float64),  # of the latest transaction
        ("left", np.int32),
        ("right", np.int32),
        ("edge", np.int32),  # for the holder of the window to keep
        ("newer", np.int32),  # pair + 1: next newer and older one of the same right node
        ("older", np.int32),
    ],
    align=True,
)


class PairWindow(NamedTuple):
    """Arrays of one window; ``degree`` counts the pairs of each node, ``newest`` heads the pairs of a right node."""

    pairs: Any
    table: Any
    counts: Any
    due_time: Any
    due_pair: Any
    spare: Any
    degree: Any
    newest: Any


@kernel
def borrowed_window(w: Any) -> Any:
    """The same arrays without owners; see ``fraud.intrinsics.borrow``."""
    return PairWindow(
        borrow(w.pairs), borrow(w.table), borrow(w.counts), borrow(w.due_time), borrow(w.due_pair),
        borrow(w.spare), borrow(w.degree), borrow(w.newest),
    )  # fmt: skip


@kernel
def find_pair(w: Any, left: int, right: int) -> int:
    """Number of the pair, −1 where it is not in the window."""
    return np.int64(w.table[_slot(w, left, right)]) - 1


@kernel
def _slot(w: Any, left: int, right: int) -> int:
    mask = np.uint64(w.counts[SIZE] - 1)
    place = pair_hash(left, right) & mask
    while w.table[place] != 0:
        pair = w.pairs[w.table[place] - 1]
        if pair.left == left and pair.right == right:
            break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@kernel
def touch_pair(w: Any, left: int, right: int, time: int, amount: float) -> int:
    """The pair was together in a transaction: it comes into the window, or is renewed; returns its number."""
    number = find_pair(w, left, right)
    if number < 0:
        number = _add_pair(w, left, right, time)
    else:
        _renew_pair(w, number, time)
    w.pairs[number].amount = amount
    return number


@kernel
def _add_pair(w: Any, left: int, right: int, time: int) -> int:
    """Take a pair into the window that is not in it; returns its number."""
    if 4 * (w.counts[HELD] + 1) > 3 * w.counts[SIZE]:
        _enlarge(w)
    if w.counts[SPARE] > 0:
        w.counts[SPARE] -= 1
        number = np.int64(w.spare[w.counts[SPARE]])
    else:
        number = w.counts[MADE]
        w.counts[MADE] += 1
    w.table[_slot(w, left, right)] = number + 1
    pair = w.pairs[number]
    pair.left, pair.right = left, right
    pair.last = time
    pair.amount = 0.0
    pair.edge = -1
    pair_push(w.due_time, w.due_pair, w.counts[HELD], time, number)
    w.counts[HELD] += 1
    w.degree[left] += 1
    w.degree[right] += 1
    _come_first(w, number)
    return number


@kernel
def _renew_pair(w: Any, number: int, time: int) -> None:
    """The pair has been seen again; it is now the newest of its right node."""
    w.pairs[number].last = max(w.pairs[number].last, time)
    if w.newest[w.pairs[number].right] != number + 1:
        _leave_line(w, number)
        _come_first(w, number)


@kernel
def drop_due(w: Any, cutoff: int) -> int:
    """Drop one pair last seen at or before ``cutoff``; returns its number, −1 where none is due.

    What its record says can be read until the next pair is added.
    """
    while w.counts[HELD] > 0 and w.due_time[0] <= cutoff:
        number = np.int64(w.due_pair[0])
        pair_pop(w.due_time, w.due_pair, w.counts[HELD])
        last = w.pairs[number].last
        if last > cutoff:
            pair_push(w.due_time, w.due_pair, w.counts[HELD] - 1, last, number)
            continue
        w.counts[HELD] -= 1
        _forget(w, number)
        return number
    return np.int64(-1)


@kernel
def drop_oldest(w: Any) -> int:
    """Drop the pair longest unseen of those in the window, to make room."""
    while w.pairs[w.due_pair[0]].last > w.due_time[0]:
        number = np.int64(w.due_pair[0])
        pair_pop(w.due_time, w.due_pair, w.counts[HELD])
        pair_push(w.due_time, w.due_pair, w.counts[HELD] - 1, w.pairs[number].last, number)
    return drop_due(w, np.int64(w.due_time[0]))


@kernel
def _forget(w: Any, number: int) -> None:
    pair = w.pairs[number]
    _leave_line(w, number)
    w.degree[pair.left] -= 1
    w.degree[pair.right] -= 1
    w.spare[w.counts[SPARE]] = number
    w.counts[SPARE] += 1
    mask = np.uint64(w.counts[SIZE] - 1)
    hole = np.uint64(_slot(w, pair.left, pair.right))
    place = (hole + np.uint64(1)) & mask
    while w.table[place] != 0:
        other = w.pairs[w.table[place] - 1]
        home = pair_hash(other.left, other.right) & mask
        if ((place - home) & mask) >= ((place - hole) & mask):
            w.table[hole] = w.table[place]
            hole = place
        place = (place + np.uint64(1)) & mask
    w.table[hole] = 0


@kernel
def _enlarge(w: Any) -> None:
    for place in range(w.counts[SIZE]):
        w.table[place] = 0
    w.counts[SIZE] *= 2
    rebuild_slots(w)


@kernel
def rebuild_slots(w: Any) -> None:
    """Fill the empty table anew from the pairs held."""
    for k in range(w.counts[HELD]):
        number = w.due_pair[k]
        w.table[_slot(w, w.pairs[number].left, w.pairs[number].right)] = number + 1


@kernel
def _come_first(w: Any, number: int) -> None:
    pair = w.pairs[number]
    pair.newer, pair.older = 0, w.newest[pair.right]
    if pair.older:
        w.pairs[pair.older - 1].newer = number + 1
    w.newest[pair.right] = number + 1


@kernel
def _leave_line(w: Any, number: int) -> None:
    pair = w.pairs[number]
    if pair.newer:
        w.pairs[pair.newer - 1].older = pair.older
    else:
        w.newest[pair.right] = pair.older
    if pair.older:
        w.pairs[pair.older - 1].newer = pair.newer
