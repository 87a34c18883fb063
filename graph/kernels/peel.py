"""Mending a peeling sequence when one edge gains or loses weight.

The greedy peel (Charikar 2000; Fraudar, Hooi et al., KDD 2016) removes the node with the least weight towards the
nodes that are left, again and again. Spade (Jiang et al., VLDB 2023) observes that an edge that gains weight moves
nodes back only behind its earlier end, and that everything between the moved ones stays. The same holds backwards for
an edge that loses weight. Here the moved nodes wait in a heap while a cursor goes along the old sequence, from one
place that matters to the next: a waiting node's turn, or a neighbour of one. Edges are kept with their earlier end, so
that a hub, which goes late, has few edges of its own and its many others are not read.

A repair reads the old sequence and writes the moves aside until it is done: it can stop at any point when the work
allowed is spent, and readers see the sequence as it was before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.heaps import heap_pop, heap_push, pair_pop, pair_push
from graph.kernels.peel_list import (
    CURSOR,
    EDGES_MADE,
    LISTED,
    MODE,
    MOVED,
    OPS_FIRST,
    OPS_LAST,
    PENDING,
    PLACED,
    QUEUED,
    SERIAL,
    SPARE_EDGES,
    TARGET,
    WAITING,
    WORK,
    end_of,
    first_above,
    heaviest_between,
    next_listed,
    place_of,
    put_before,
    put_first,
    take_out,
)

IDLE, GAINING, LOSING = 0, 1, 2


@kernel
def new_edge(p: Any) -> int:
    """Number for an edge that is to come; it is free again when the edge's removal has been taken in."""
    if p.counts[SPARE_EDGES] > 0:
        p.counts[SPARE_EDGES] -= 1
        number = np.int64(p.spare_edge[p.counts[SPARE_EDGES]])
    else:
        number = p.counts[EDGES_MADE]
        p.counts[EDGES_MADE] += 1
    p.edges[number].weight = 0
    return number


@kernel
def ask(p: Any, edge: int, low: int, high: int, weight: int) -> None:
    """Have the weight of an edge between two nodes set in its turn; 0 removes it."""
    at = p.counts[OPS_LAST] % len(p.op_edge)
    p.op_edge[at], p.op_low[at], p.op_high[at], p.op_weight[at] = edge, low, high, weight
    p.counts[OPS_LAST] += 1


@kernel
def mend(p: Any, allowed: int) -> None:
    """Take the changes asked for, in order, until all are in the sequence or ``allowed`` steps are spent."""
    p.counts[WORK] = 0
    while p.counts[WORK] < allowed:
        p.counts[WORK] += 1
        if p.counts[MODE] == GAINING:
            _gain_step(p)
        elif p.counts[MODE] == LOSING:
            _lose_step(p)
        elif p.counts[OPS_FIRST] < p.counts[OPS_LAST]:
            at = p.counts[OPS_FIRST] % len(p.op_edge)
            _begin(p, p.op_edge[at], p.op_low[at], p.op_high[at], p.op_weight[at])
        else:
            break


@kernel
def waiting_changes(p: Any) -> int:
    """How many changes are not in the sequence yet."""
    return p.counts[OPS_LAST] - p.counts[OPS_FIRST]


@kernel
def _begin(p: Any, number: int, low: int, high: int, weight: int) -> None:
    edge = p.edges[number]
    if edge.weight == 0:
        _enter(p, low, high)
        if place_of(p, low) > place_of(p, high):
            low, high = high, low
        edge.low, edge.high = low, high
        _link(p, number)
    change = weight - edge.weight
    edge.weight = weight
    p.nodes[edge.low].total += change
    p.nodes[edge.high].total += change
    p.counts[TARGET] = number
    if change > 0:
        p.counts[MODE] = GAINING
        p.counts[CURSOR] = place_of(p, edge.low)
        _wait_late(p, edge.low, p.nodes[edge.low].key + change)
    elif change < 0:
        if weight == 0:
            _unlink(p, number)
        p.counts[MODE] = LOSING
        _begin_losing(p, edge.low, edge.high)
    else:
        _finish(p)


@kernel
def _enter(p: Any, low: int, high: int) -> None:
    """Nodes that had no edge come in before all others, ``low`` as the earlier one."""
    low_is_new, high_is_new = p.nodes[low].chunk == 0, p.nodes[high].chunk == 0
    if low_is_new:
        p.nodes[low].serial = p.counts[SERIAL]
        p.counts[SERIAL] += 1
    if high_is_new:
        p.nodes[high].serial = p.counts[SERIAL]
        p.counts[SERIAL] += 1
        put_first(p, high)
    if low_is_new:
        put_first(p, low)


@kernel
def _link(p: Any, number: int) -> None:
    edge = p.edges[number]
    low, high = p.nodes[edge.low], p.nodes[edge.high]
    edge.prev_out = edge.prev_in = 0
    edge.next_out, edge.next_in = low.out_head, high.in_head
    if low.out_head:
        p.edges[low.out_head - 1].prev_out = number + 1
    if high.in_head:
        p.edges[high.in_head - 1].prev_in = number + 1
    low.out_head = high.in_head = number + 1


@kernel
def _unlink(p: Any, number: int) -> None:
    edge = p.edges[number]
    if edge.prev_out:
        p.edges[edge.prev_out - 1].next_out = edge.next_out
    else:
        p.nodes[edge.low].out_head = edge.next_out
    if edge.next_out:
        p.edges[edge.next_out - 1].prev_out = edge.prev_out
    if edge.prev_in:
        p.edges[edge.prev_in - 1].next_in = edge.next_in
    else:
        p.nodes[edge.high].in_head = edge.next_in
    if edge.next_in:
        p.edges[edge.next_in - 1].prev_in = edge.prev_in


@kernel
def _turn(p: Any, number: int) -> None:
    """Let the ends of an edge change places."""
    _unlink(p, number)
    edge = p.edges[number]
    edge.low, edge.high = edge.high, edge.low
    _link(p, number)


@kernel
def _wait(p: Any, node: int, weight: int) -> None:
    """Put a node into the heap, or again with its new weight: older entries are passed over."""
    p.nodes[node].work = weight
    heap_push(
        p.wait_weight, p.wait_serial, p.wait_node, p.counts[WAITING], weight, p.nodes[node].serial, node
    )
    p.counts[WAITING] += 1


@kernel
def _lighter(p: Any, node: int, weight: int) -> None:
    _wait(p, node, p.nodes[node].work - weight)


@kernel
def _next_waiting(p: Any) -> int:
    """The lightest waiting node, −1 when none is left."""
    while p.counts[WAITING] > 0:
        node = np.int64(p.wait_node[0])
        if p.nodes[node].state == PENDING and p.nodes[node].work == p.wait_weight[0]:
            return node
        heap_pop(p.wait_weight, p.wait_serial, p.wait_node, p.counts[WAITING])
        p.counts[WAITING] -= 1
    return np.int64(-1)


@kernel
def _queue(p: Any, node: int) -> None:
    """Have the cursor stop at a listed node."""
    if p.nodes[node].queued == 0:
        p.nodes[node].queued = 1
        pair_push(p.queue_place, p.queue_node, p.counts[QUEUED], place_of(p, node), node)
        p.counts[QUEUED] += 1


@kernel
def _unqueue(p: Any) -> int:
    node = np.int64(p.queue_node[0])
    pair_pop(p.queue_place, p.queue_node, p.counts[QUEUED])
    p.counts[QUEUED] -= 1
    p.nodes[node].queued = 0
    return node


@kernel
def _place(p: Any, node: int, place: int) -> None:
    """The node's turn has come before what stands at ``place``."""
    p.nodes[node].state = PLACED
    p.moved_node[p.counts[MOVED]] = node
    p.moved_before[p.counts[MOVED]] = place
    p.counts[MOVED] += 1
    p.counts[CURSOR] = place


@kernel
def _wait_late(p: Any, node: int, weight: int) -> None:
    """A node whose turn is not yet come; its later neighbours keep its weight for longer."""
    p.nodes[node].state = PENDING
    _wait(p, node, weight)
    at = p.nodes[node].out_head
    while at:
        edge = p.edges[at - 1]
        later = p.nodes[edge.high]
        later.extra += edge.weight
        edge.chain = later.chain
        later.chain = at
        _queue(p, edge.high)
        p.counts[WORK] += 1
        at = edge.next_out


@kernel
def _gain_step(p: Any) -> None:
    node = _next_waiting(p)
    if node < 0:
        _apply(p)
        return
    place = first_above(p, p.counts[CURSOR], p.nodes[node].work, p.nodes[node].serial)
    while p.counts[QUEUED] > 0 and p.nodes[p.queue_node[0]].extra == 0:
        p.nodes[_unqueue(p)].chain = 0
        p.counts[WORK] += 1
    if p.counts[QUEUED] > 0 and p.queue_place[0] < place:
        p.counts[CURSOR] = p.queue_place[0]
        other = _unqueue(p)
        _wait_late(p, other, p.nodes[other].key + p.nodes[other].extra)
        return
    _place(p, node, place)
    at = p.nodes[node].out_head
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.high].state == PENDING:
            _lighter(p, edge.high, edge.weight)
        else:
            p.nodes[edge.high].extra -= edge.weight
        p.counts[WORK] += 1
        at = edge.next_out
    at = p.nodes[node].chain
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.low].state == PENDING:
            _lighter(p, edge.low, edge.weight)
            _turn(p, at - 1)
        p.counts[WORK] += 1
        at = edge.chain


@kernel
def _begin_losing(p: Any, low: int, high: int) -> None:
    p.counts[CURSOR] = 0
    _wait_early(p, low)
    last = place_of(p, low)
    if not _stays(p, high, last, heaviest_between(p, 0, last)):
        _wait_early(p, high)


@kernel
def _wait_early(p: Any, node: int) -> None:
    """A node whose turn may come sooner: it waits with its weight towards all that is left after the cursor."""
    one = p.nodes[node]
    one.state = PENDING
    weight = np.int64(0)
    at = one.out_head
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.high].state != PLACED:
            weight += edge.weight
        p.counts[WORK] += 1
        at = edge.next_out
    at = one.in_head
    while at:
        edge = p.edges[at - 1]
        state = p.nodes[edge.low].state
        if state == PENDING:
            weight += edge.weight
        elif state == LISTED and place_of(p, edge.low) >= p.counts[CURSOR]:
            weight += edge.weight
            _queue(p, edge.low)
        p.counts[WORK] += 1
        at = edge.next_in
    _wait(p, node, weight)
    _queue(p, node)


@kernel
def _stays(p: Any, node: int, last: int, heaviest: int) -> bool:
    """Whether a listed node behind place ``last`` surely outweighs ``heaviest`` until then.

    Reads no more edges than it takes: of a hub a few.
    """
    weight = np.int64(0)
    at = p.nodes[node].out_head
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.high].state == LISTED:
            weight += edge.weight
        if weight > heaviest:
            return True
        p.counts[WORK] += 1
        at = edge.next_out
    at = p.nodes[node].in_head
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.low].state == LISTED and place_of(p, edge.low) > last:
            weight += edge.weight
        if weight > heaviest:
            return True
        p.counts[WORK] += 1
        at = edge.next_in
    return False


@kernel
def _lose_step(p: Any) -> None:
    node = _next_waiting(p)
    if node < 0:
        _apply(p)
        return
    place = first_above(p, p.counts[CURSOR], p.nodes[node].work, p.nodes[node].serial)
    while p.counts[QUEUED] > 0 and p.nodes[p.queue_node[0]].state == PLACED:
        _unqueue(p)
        p.counts[WORK] += 1
    if p.counts[QUEUED] > 0 and p.queue_place[0] < place:
        if p.nodes[p.queue_node[0]].state == LISTED:
            p.counts[CURSOR] = p.queue_place[0] + 1
            _pass(p, _unqueue(p))
            return
        # Nobody comes later than before: what stands behind here was peeled without the node that stood here.
        place = np.int64(p.queue_place[0])
    _place(p, node, place)
    old = place_of(p, node)
    is_early = place < old
    heaviest = heaviest_between(p, place, old) if is_early else np.int64(0)
    at = p.nodes[node].out_head
    while at:
        edge = p.edges[at - 1]
        state = p.nodes[edge.high].state
        if state == PENDING:
            _lighter(p, edge.high, edge.weight)
        elif is_early and state == LISTED and not _stays(p, edge.high, old, heaviest):
            _wait_early(p, edge.high)
        p.counts[WORK] += 1
        at = edge.next_out
    if is_early:
        _overtake(p, node, place)


@kernel
def _overtake(p: Any, node: int, place: int) -> None:
    """Earlier neighbours that a node has overtaken lose its weight, and may themselves come sooner."""
    at = p.nodes[node].in_head
    while at:
        edge = p.edges[at - 1]
        number, other, at = at - 1, edge.low, edge.next_in
        state = p.nodes[other].state
        p.counts[WORK] += 1
        if state == PENDING:
            _lighter(p, other, edge.weight)
            _turn(p, number)
        elif state == LISTED and place_of(p, other) >= place:
            _turn(p, number)
            _wait_early(p, other)


@kernel
def _pass(p: Any, node: int) -> None:
    """A listed node goes in its old turn."""
    at = p.nodes[node].out_head
    while at:
        edge = p.edges[at - 1]
        if p.nodes[edge.high].state == PENDING:
            _lighter(p, edge.high, edge.weight)
        p.counts[WORK] += 1
        at = edge.next_out


@kernel
def _apply(p: Any) -> None:
    """Move the nodes to their new places."""
    moved = p.counts[MOVED]
    while p.counts[QUEUED] > 0:
        node = _unqueue(p)
        p.nodes[node].chain = 0
        p.nodes[node].extra = 0
    # Before anything moves, places become nodes that stay.
    end = end_of(p)
    for k in range(moved):
        p.moved_anchor[k] = next_listed(p, p.moved_before[k]) if p.moved_before[k] < end else -1
    for k in range(moved):
        take_out(p, p.moved_node[k])
    for k in range(moved):
        node = p.moved_node[k]
        one = p.nodes[node]
        put_before(p, node, p.moved_anchor[k], one.work)
        one.state = LISTED
        one.chain = 0
        one.extra = 0
    p.counts[WORK] += moved
    p.counts[MOVED] = 0
    _finish(p)


@kernel
def _finish(p: Any) -> None:
    p.counts[MODE] = IDLE
    p.counts[OPS_FIRST] += 1
    edge = p.edges[p.counts[TARGET]]
    if edge.weight == 0:
        p.spare_edge[p.counts[SPARE_EDGES]] = p.counts[TARGET]
        p.counts[SPARE_EDGES] += 1
        for node in (edge.low, edge.high):
            one = p.nodes[node]
            if one.out_head == 0 and one.in_head == 0:
                take_out(p, node)
