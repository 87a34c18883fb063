"""Purchases into the window and its peeling sequence, and what the sequence says of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.pair_window import (
    CLOCK,
    HELD,
    LATE,
    add_pair,
    borrowed_window,
    drop_due,
    drop_oldest,
    find_pair,
    renew_pair,
)
from graph.kernels.peel import ask, mend, new_edge, waiting_changes
from graph.kernels.peel_list import CHUNK, CHUNKS, borrowed, place_of

WEIGHT_BITS = 16
"""A weight of 1 is 2 to this power: sums are exact, whatever their order."""


@kernel
def core_of(p: Any, node: int) -> int:
    """Greatest weight at which any node up to this one went: the node's weighted core number; 0 when not held."""
    chunk = p.nodes[node].chunk - 1
    if chunk < 0:
        return np.int64(0)
    heaviest = np.int64(0)
    for entry in range(p.chunk_place[chunk]):
        heaviest = max(heaviest, p.directory[entry].weight)
    i = 0
    while True:
        heaviest = max(heaviest, p.chunk_weight[chunk, i])
        if p.chunk_node[chunk, i] == node:
            return heaviest
        i += 1


@kernel
def observe_pairs(
    window: Any,
    peel: Any,
    left: Any,
    right: Any,
    time: Any,
    amount: Any,
    suspicion: Any,
    users: Any,
    column_weight: Any,
    length: int,
    most_pairs: int,
    allowed: int,
    scores: Any,
) -> None:
    """Take pairs in one by one, telling of each what was known before it.

    ``users`` below 1 means as many as the window knows; ``length`` is the window's, in µs. ``scores`` [n, 2] become
    the core numbers of account and thing; it has no rows when they are not asked for. Each pair may take ``allowed``
    steps of mending; only when more changes wait than pairs fit is that exceeded.
    """
    w, p = borrowed_window(window), borrowed(peel)
    for i in range(len(left)):
        w.counts[CLOCK] = max(time[i], w.counts[CLOCK])
        cutoff = w.counts[CLOCK] - length
        _expire(w, p, cutoff)
        if len(scores) > 0:
            mend(p, allowed)
            scores[i, 0], scores[i, 1] = core_of(p, left[i]), core_of(p, right[i])
        if time[i] > cutoff:
            if w.counts[HELD] == most_pairs:
                _remove(w, p, drop_oldest(w))
            pair = _take_in(w, p, left[i], right[i], time[i], amount[i])
            w.pairs[pair].value = max(w.pairs[pair].value, suspicion[i])
            known = users[i] if users[i] >= 1 else np.int64(w.degree[right[i]])
            column = column_weight[min(known, len(column_weight) - 1)]
            weight = max((w.pairs[pair].value * column) >> WEIGHT_BITS, 1)
            ask(p, w.pairs[pair].edge, left[i], right[i], weight)
        else:
            w.counts[LATE] += 1
        mend(p, allowed)
        while waiting_changes(p) > most_pairs:
            mend(p, allowed)


@kernel
def expire_pairs(window: Any, peel: Any, now: int, length: int, allowed: int) -> None:
    """Let the clock go on to ``now`` without a purchase."""
    w, p = borrowed_window(window), borrowed(peel)
    w.counts[CLOCK] = max(now, w.counts[CLOCK])
    _expire(w, p, w.counts[CLOCK] - length)
    mend(p, allowed)


@kernel
def _expire(w: Any, p: Any, cutoff: int) -> None:
    pair = drop_due(w, cutoff)
    while pair >= 0:
        _remove(w, p, pair)
        pair = drop_due(w, cutoff)


@kernel
def _remove(w: Any, p: Any, pair: int) -> None:
    one = w.pairs[pair]
    ask(p, one.edge, one.left, one.right, 0)


@kernel
def _take_in(w: Any, p: Any, left: int, right: int, time: int, amount: float) -> int:
    pair = find_pair(w, left, right)
    if pair < 0:
        pair = add_pair(w, left, right, time)
        w.pairs[pair].edge = new_edge(p)
    else:
        renew_pair(w, pair, time)
    w.pairs[pair].amount = amount
    w.pairs[pair].count += 1
    return pair


@kernel
def first_at_least(p: Any, weight: int) -> int:
    """First place of the sequence with at least this weight: where the core of that weight begins."""
    for entry in range(p.counts[CHUNKS]):
        d = p.directory[entry]
        if d.weight >= weight:
            for i in range(d.size):
                if p.chunk_weight[d.chunk, i] >= weight:
                    return np.int64(entry * CHUNK + i)
    return np.int64(p.counts[CHUNKS] * CHUNK)


@kernel
def densest_from(p: Any) -> tuple[int, int]:
    """Weight and number of the last nodes of the sequence that are densest; of equally dense ones the most.

    From the end on; a chunk is read only where it could hold better: each of its nodes adds its heaviest at most.
    """
    best_sum, best_count = np.int64(0), np.int64(1)
    total = count = np.int64(0)
    for entry in range(p.counts[CHUNKS] - 1, -1, -1):
        d = p.directory[entry]
        most, size = total + d.size * d.weight, count + d.size
        if most * best_count >= best_sum * size or total * best_count >= best_sum * count:
            for i in range(d.size - 1, -1, -1):
                total += p.chunk_weight[d.chunk, i]
                count += 1
                if total * best_count >= best_sum * count:
                    best_sum, best_count = total, count
        else:
            total += d.sum
            count = size
    return best_sum, best_count


@kernel
def reach(p: Any, start: int, place: int, found: Any) -> tuple[int, int]:
    """Nodes at or after ``place`` that ``start`` is tied to through such nodes, breadth first into ``found``.

    Returns how many there are, ``len(found)`` at most, and the weight between them.
    """
    found[0] = start
    held = 1
    seen = {np.int64(start): np.int64(0)}
    weight = np.int64(0)
    k = 0
    while k < held:
        node = np.int64(found[k])
        k += 1
        for direction in range(2):
            at = p.nodes[node].out_head if direction == 0 else p.nodes[node].in_head
            while at:
                edge = p.edges[at - 1]
                other = np.int64(edge.high if direction == 0 else edge.low)
                if other not in seen and held < len(found) and place_of(p, other) >= place:
                    seen[other] = np.int64(held)
                    found[held] = other
                    held += 1
                at = edge.next_out if direction == 0 else edge.next_in
    for k in range(held):
        at = p.nodes[found[k]].out_head
        while at:
            edge = p.edges[at - 1]
            if np.int64(edge.high) in seen:
                weight += edge.weight
            at = edge.next_out
    return held, weight


@kernel
def sequence(p: Any, nodes: Any, weights: Any) -> int:
    """The whole sequence, and the weight at which each node went; returns its length."""
    n = 0
    for entry in range(p.counts[CHUNKS]):
        d = p.directory[entry]
        for i in range(d.size):
            nodes[n], weights[n] = p.chunk_node[d.chunk, i], p.chunk_weight[d.chunk, i]
            n += 1
    return n
