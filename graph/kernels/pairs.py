"""The pair table: one account with one target, device or address, in open-addressing hash tables.

It is made of ``SEGMENTS`` small tables, each in its own stretch of one reserved array. They grow one by one and by
little, in place: no pause is long, no copy of the whole is ever held, and few places are empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import prefetch
from graph.layout import DEVICE, IP

EMPTY = 0
SEGMENTS = 256
SEGMENT_SHIFT = np.uint64(56)

FULLEST = 0.85
"""Share of a segment's places in use at most: linear probing then reads some twenty neighbouring records in vain."""


@kernel
def pair_hash(left: int, right: int) -> int:
    """Mix two node numbers (splitmix64 finaliser, Steele et al. 2014)."""
    x = (np.uint64(left) << np.uint64(32)) | np.uint64(right)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def pair_prefetch(pairs: Any, segments: Any, left: int, right: int) -> None:
    """Have the place where the search for a pair begins fetched."""
    mixed = pair_hash(left, right)
    segment = np.int64(mixed >> SEGMENT_SHIFT)
    at = ((mixed & np.uint64(0xFFFFFFFF)) * np.uint64(segments[segment, 0])) >> np.uint64(32)
    prefetch(pairs, segment * (len(pairs) // SEGMENTS) + np.int64(at), 0)


@kernel
def pair_find(pairs: Any, segments: Any, left: int, right: int) -> int:
    """Place of the pair, or the empty place where it would go; every segment always has empty places."""
    mixed = pair_hash(left, right)
    segment = np.int64(mixed >> SEGMENT_SHIFT)
    size = np.int64(segments[segment, 0])
    first = segment * (len(pairs) // SEGMENTS)
    at = np.int64(((mixed & np.uint64(0xFFFFFFFF)) * np.uint64(size)) >> np.uint64(32))
    while pairs[first + at].left != EMPTY:
        if pairs[first + at].left == left + 1 and pairs[first + at].right == right + 1:
            break
        at = at + 1 if at + 1 < size else 0
    return first + at


@kernel
def pair_add(pairs: Any, segments: Any, place: int, left: int, right: int) -> int:
    """Make a new pair at the empty ``place`` that ``pair_find`` gave; returns where it is now."""
    segment = place // (len(pairs) // SEGMENTS)
    if segments[segment, 1] + 1 > FULLEST * segments[segment, 0]:
        _grow(pairs, segments, segment)
        place = pair_find(pairs, segments, left, right)
    _clear(pairs[place])
    pairs[place].left = left + 1
    pairs[place].right = right + 1
    segments[segment, 1] += 1
    return place


@kernel
def _grow(pairs: Any, segments: Any, segment: int) -> None:
    length = len(pairs) // SEGMENTS
    first = segment * length
    size = np.int64(segments[segment, 0])
    held = pairs[first : first + size].copy()
    for i in range(size):
        _clear(pairs[first + i])
    segments[segment, 0] = min(size + max(size // 8, 8), length)
    for i in range(size):
        if held[i].left != EMPTY:
            pairs[pair_find(pairs, segments, held[i].left - 1, held[i].right - 1)] = held[i]


@kernel
def _clear(pair: Any) -> None:
    pair.left = EMPTY
    pair.right = EMPTY
    pair.last = 0
    pair.count = 0
    pair.sum = 0.0
    for tier in range(4):
        pair.decay[tier] = 0.0


@kernel
def pair_forget(pairs: Any, segments: Any, cutoff: int, nodes: Any) -> int:
    """Forget the pairs last seen at or before ``cutoff``, which leave the degrees; returns how many."""
    length = len(pairs) // SEGMENTS
    gone = 0
    for segment in range(SEGMENTS):
        first = segment * length
        size = np.int64(segments[segment, 0])
        old = 0
        for i in range(first, first + size):
            if pairs[i].left != EMPTY and pairs[i].last <= cutoff:
                _leave_degrees(pairs[i], nodes)
                old += 1
        if old > 0:
            _keep_after(pairs, segments, segment, cutoff)
            segments[segment, 1] -= old
            gone += old
    return gone


@kernel
def _keep_after(pairs: Any, segments: Any, segment: int, cutoff: int) -> None:
    first = segment * (len(pairs) // SEGMENTS)
    size = np.int64(segments[segment, 0])
    held = pairs[first : first + size].copy()
    for i in range(size):
        _clear(pairs[first + i])
    for i in range(size):
        if held[i].left != EMPTY and held[i].last > cutoff:
            pairs[pair_find(pairs, segments, held[i].left - 1, held[i].right - 1)] = held[i]


@kernel
def _leave_degrees(pair: Any, nodes: Any) -> None:
    kind = nodes[pair.right - 1].kind
    relation = 1 if kind == DEVICE else 2 if kind == IP else 0
    nodes[pair.left - 1].degree[relation] -= 1
    nodes[pair.right - 1].degree[0] -= 1
