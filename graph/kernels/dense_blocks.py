"""Purchases into the window and its peeling sequence, and what the sequence says of blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow
from graph.kernels.motif_borrow import borrow_found
from graph.kernels.pair_window import (
    CLOCK,
    HELD,
    LATE,
    borrowed_window,
    drop_due,
    drop_oldest,
    find_pair,
    touch_pair,
)
from graph.kernels.peel import ask, mend, new_edge, waiting_changes
from graph.kernels.peel_list import CHUNK, CHUNKS, borrowed, place_of
from graph.layout import TRANSACTION
from graph.motif_layout import DENSE_BLOCK

WEIGHT_BITS = 16
"""A weight of 1 is 2 to this power: sums are exact, whatever their order."""

ACCOUNT, TARGET, DEVICE = 0, 1, 2
THINGS = (TARGET, DEVICE)
"""Ends of a transaction that accounts may have in common."""


class Bounds(NamedTuple):
    """Length of the window, µs; most pairs in it; most steps for one pair; most edges looked at for one finding."""

    window: int
    pairs: int
    steps: int
    looked: int


class Least(NamedTuple):
    """What a block must have to be told of: core number and density in 2⁻¹⁶, and accounts."""

    core: int
    density: int
    accounts: int


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
def observe_blocks(
    events: Any,
    row: int,
    window: Any,
    peel: Any,
    column_weight: Any,
    bounds: Any,
    least: Any,
    found: Any,
    members: Any,
    scores: Any,
) -> None:
    """Take purchases in one by one, and tell of the block that each then lies in.

    The n-th transaction fills row ``row`` + n of ``found``, which has no spans where nobody asks, and row n of
    ``scores`` [n, 3]: the core numbers of account, merchant and device just before it, -1 for none; no rows when they
    are not asked for. Each pair may take ``bounds.steps`` of mending; only when more changes wait than pairs fit is
    that exceeded. ``members`` is room for those of a block.
    """
    events = borrow(events)
    w, p, f = borrowed_window(window), borrowed(peel), borrow_found(found)
    n = 0
    for i in range(len(events)):
        event = events[i]
        if event.kind != TRANSACTION:
            continue
        w.counts[CLOCK] = max(event.time, w.counts[CLOCK])
        cutoff = w.counts[CLOCK] - bounds.window
        _expire(w, p, cutoff)
        if len(scores) > 0:
            mend(p, bounds.steps)
            _score(p, event, scores[n])
        if event.time > cutoff:
            for end in THINGS:
                if _is_bought(event, end):
                    if w.counts[HELD] == bounds.pairs:
                        _remove(w, p, drop_oldest(w))
                    _take_in(w, p, event, event.ends[end], column_weight)
                    mend(p, bounds.steps)
                    while waiting_changes(p) > bounds.pairs:
                        mend(p, bounds.steps)
        else:
            w.counts[LATE] += 1
        mend(p, bounds.steps)
        if len(f.spans) > 0:
            f.spans[row + n, 0] = f.counts[0]
            _tell(w, p, event, least, bounds.looked, members, f)
            f.spans[row + n, 1] = f.counts[0]
        n += 1


@kernel
def forget_blocks(window: Any, peel: Any, cutoff: int, allowed: int) -> None:
    """Let all pairs go that were last seen at or before ``cutoff``, out of the sequence too, however long it takes."""
    w, p = borrowed_window(window), borrowed(peel)
    _expire(w, p, cutoff)
    while waiting_changes(p) > 0:
        mend(p, allowed)


@kernel
def _is_bought(event: Any, end: int) -> bool:
    """Whether this end of a transaction is a merchant or device."""
    return event.ends[end] >= 0 and not (end == TARGET and event.is_transfer == 1)


@kernel
def _score(p: Any, event: Any, out: Any) -> None:
    out[0] = core_of(p, np.int64(event.ends[ACCOUNT]))
    for k in range(len(THINGS)):
        out[1 + k] = core_of(p, np.int64(event.ends[THINGS[k]])) if _is_bought(event, THINGS[k]) else -1


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
def _take_in(w: Any, p: Any, event: Any, thing: int, column_weight: Any) -> None:
    account = event.ends[ACCOUNT]
    pair = touch_pair(w, account, thing, event.time, event.amount)
    if w.pairs[pair].edge < 0:
        w.pairs[pair].edge = new_edge(p)
    users = np.int64(w.degree[thing])
    ask(p, w.pairs[pair].edge, account, thing, column_weight[min(users, len(column_weight) - 1)])


@kernel
def _tell(w: Any, p: Any, event: Any, least: Any, looked: int, members: Any, found: Any) -> None:
    """Append the block that a purchase lies in, of merchant and device around the one that is tied more tightly."""
    account, thing, core = np.int64(event.ends[ACCOUNT]), np.int64(-1), np.int64(0)
    for end in THINGS:
        if _is_bought(event, end) and find_pair(w, account, event.ends[end]) >= 0:
            one = min(core_of(p, account), core_of(p, np.int64(event.ends[end])))
            if one > core:
                core, thing = one, np.int64(event.ends[end])
    # A block of this core is at least half as dense: each member has that much weight, every edge two ends.
    if thing < 0 or core < least.core:
        return
    place = first_at_least(p, core)
    held, weight = reach(p, thing, place, members, looked)
    if held == len(members) or weight < least.density * held:
        return
    accounts, is_in = np.int64(0), False
    for k in range(held):
        is_in = is_in or members[k] == account
        accounts += _is_account(w, members[k])
    if is_in and accounts >= least.accounts:
        _write_found(w, p, place, thing, members[:held], weight, accounts, found)


@kernel
def _is_account(w: Any, node: int) -> bool:
    """Whether a node of the sequence is an account: only things head pairs."""
    return w.newest[node] == 0


@kernel
def _write_found(
    w: Any, p: Any, place: int, thing: int, members: Any, weight: int, accounts: int, found: Any
) -> None:
    """One purchase of each account: at the centre, or else at the first thing of the block that is come upon."""
    pattern = found.patterns[found.counts[0]]
    found.counts[0] += 1
    density = weight / len(members) / (1 << WEIGHT_BITS)
    pattern.kind, pattern.centre, pattern.size, pattern.edges = DENSE_BLOCK, thing, accounts, 0
    pattern.strength = density / (1.0 + density)
    for k in range(len(members)):
        if not _is_account(w, members[k]):
            continue
        pair = find_pair(w, members[k], thing)
        if pair < 0:
            pair = _pair_within(w, p, np.int64(members[k]), place)
        if pair >= 0:
            edge = found.edges[found.counts[1]]
            edge.time, edge.amount = w.pairs[pair].last, w.pairs[pair].amount
            edge.source, edge.target = w.pairs[pair].left, w.pairs[pair].right
            pattern.edges += 1
            found.counts[1] += 1


@kernel
def _pair_within(w: Any, p: Any, account: int, place: int) -> int:
    """A pair of the account with a thing at or after ``place``; -1 where its removal waits."""
    for direction in range(2):
        at = p.nodes[account].out_head if direction == 0 else p.nodes[account].in_head
        while at:
            edge = p.edges[at - 1]
            other = np.int64(edge.high if direction == 0 else edge.low)
            if place_of(p, other) >= place:
                pair = find_pair(w, account, other)
                if pair >= 0:
                    return pair
            at = edge.next_out if direction == 0 else edge.next_in
    return np.int64(-1)


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
def reach(p: Any, start: int, place: int, found: Any, looked: int) -> tuple[int, int]:
    """Nodes at or after ``place`` that ``start`` is tied to through such nodes, breadth first into ``found``.

    Returns how many there are and the weight between them; ``len(found)`` and 0 where there are as many or more, or
    where more than ``looked`` edges would have to be looked at.
    """
    found[0] = start
    held = 1
    seen = {np.int64(start): np.int64(0)}
    weight = np.int64(0)
    k = edges = 0
    while k < held:
        node = np.int64(found[k])
        k += 1
        for direction in range(2):
            at = p.nodes[node].out_head if direction == 0 else p.nodes[node].in_head
            while at:
                edge = p.edges[at - 1]
                other = np.int64(edge.high if direction == 0 else edge.low)
                edges += 1
                if edges > looked:
                    return len(found), weight
                if other not in seen and place_of(p, other) >= place:
                    if held + 1 == len(found):
                        return len(found), weight
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
