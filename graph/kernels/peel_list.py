"""A peeling sequence held in chunks: the order in which a graph's nodes go, lightest first.

Each chunk holds up to ``CHUNK`` nodes with the weight that each had when its turn came; a directory keeps the chunks in
order with the heaviest key of each, so that finding the next heavier node skips whole chunks. Keys compare by weight,
then by the serial number under which the node entered.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow

CHUNK = 64
FEW = CHUNK // 4
"""A chunk with fewer nodes joins a neighbour that has room."""

LISTED, PENDING, PLACED = 0, 1, 2
"""State of a node: in its place; taken out while the sequence is mended; given its new place."""

# Places in ``counts``.
CHUNKS, CHUNKS_MADE, SPARE_CHUNKS, SERIAL, WAITING, QUEUED, MOVED, CURSOR, MODE, WORK = range(10)
TARGET, OPS_FIRST, OPS_LAST, EDGES_MADE, SPARE_EDGES, PEEL_COUNTS = 10, 11, 12, 13, 14, 15

PEEL_NODE = np.dtype(
    [
        ("key", np.int64),  # weight towards later nodes of the sequence, 2⁻¹⁶ each
        ("serial", np.int64),
        ("total", np.int64),  # weight of all edges
        ("work", np.int64),  # of a pending node: weight towards the nodes not yet peeled
        ("extra", np.int64),  # of a listed node: weight towards pending nodes that once went before it
        ("out_head", np.int32),  # edge + 1: to later nodes
        ("in_head", np.int32),  # edge + 1: from earlier nodes
        ("chain", np.int32),  # edge + 1: from pending nodes
        ("chunk", np.int32),  # chunk + 1, 0 when not in the sequence
        ("state", np.int8),
        ("queued", np.int8),
    ],
    align=True,
)

PEEL_EDGE = np.dtype(
    [
        ("weight", np.int64),
        ("low", np.int32),  # the end that goes first
        ("high", np.int32),
        ("next_out", np.int32),  # edge + 1, among those of ``low``
        ("prev_out", np.int32),
        ("next_in", np.int32),  # edge + 1, among those of ``high``
        ("prev_in", np.int32),
        ("chain", np.int32),
    ],
    align=True,
)

DIRECTORY = np.dtype(
    [
        ("weight", np.int64),  # heaviest key
        ("serial", np.int64),
        ("sum", np.int64),  # of the weights
        ("chunk", np.int32),
        ("size", np.int32),
    ],
    align=True,
)


class Peel(NamedTuple):
    """All arrays of one peeling sequence, and of the repair that may be under way."""

    nodes: Any
    edges: Any
    directory: Any
    chunk_node: Any
    chunk_weight: Any
    chunk_serial: Any
    chunk_place: Any
    spare_chunk: Any
    counts: Any
    wait_weight: Any
    wait_serial: Any
    wait_node: Any
    queue_place: Any
    queue_node: Any
    moved_node: Any
    moved_before: Any
    moved_anchor: Any
    spare_edge: Any
    op_edge: Any
    op_low: Any
    op_high: Any
    op_weight: Any


@kernel
def borrowed(p: Any) -> Any:
    """The same arrays without owners; see ``fraud.intrinsics.borrow``."""
    return Peel(
        borrow(p.nodes), borrow(p.edges), borrow(p.directory), borrow(p.chunk_node), borrow(p.chunk_weight),
        borrow(p.chunk_serial), borrow(p.chunk_place), borrow(p.spare_chunk), borrow(p.counts),
        borrow(p.wait_weight), borrow(p.wait_serial), borrow(p.wait_node), borrow(p.queue_place),
        borrow(p.queue_node), borrow(p.moved_node), borrow(p.moved_before), borrow(p.moved_anchor),
        borrow(p.spare_edge), borrow(p.op_edge), borrow(p.op_low), borrow(p.op_high), borrow(p.op_weight),
    )  # fmt: skip


@kernel
def place_of(p: Any, node: int) -> int:
    """Where a node stands: directory entry × ``CHUNK`` + place in the chunk. Comparable while nothing is moved."""
    chunk = p.nodes[node].chunk - 1
    i = 0
    while p.chunk_node[chunk, i] != node:
        i += 1
    return np.int64(p.chunk_place[chunk]) * CHUNK + i


@kernel
def end_of(p: Any) -> int:
    """The place after the last node."""
    return p.counts[CHUNKS] * CHUNK


@kernel
def first_above(p: Any, place: int, weight: int, serial: int) -> int:
    """First place from ``place`` on with a heavier key whose node is not out for repair."""
    entry, start = place // CHUNK, place % CHUNK
    while entry < p.counts[CHUNKS]:
        d = p.directory[entry]
        if d.weight > weight or (d.weight == weight and d.serial > serial):
            chunk = d.chunk
            for i in range(start, d.size):
                other = p.chunk_weight[chunk, i]
                if (other > weight or (other == weight and p.chunk_serial[chunk, i] > serial)) and p.nodes[
                    p.chunk_node[chunk, i]
                ].state == LISTED:
                    return entry * CHUNK + i
        entry += 1
        start = 0
    return end_of(p)


@kernel
def heaviest_between(p: Any, first: int, last: int) -> int:
    """Greatest weight from place ``first`` to ``last``, both included; −1 where there is none."""
    heaviest = np.int64(-1)
    for entry in range(first // CHUNK, min(last // CHUNK + 1, p.counts[CHUNKS])):
        d = p.directory[entry]
        start = first % CHUNK if entry == first // CHUNK else 0
        stop = min(d.size, last % CHUNK + 1) if entry == last // CHUNK else d.size
        if start == 0 and stop == d.size:
            heaviest = max(heaviest, d.weight)
            continue
        for i in range(start, stop):
            heaviest = max(heaviest, p.chunk_weight[d.chunk, i])
    return heaviest


@kernel
def next_listed(p: Any, place: int) -> int:
    """The first node from ``place`` on that is not out for repair, −1 at the end."""
    entry, i = place // CHUNK, place % CHUNK
    while entry < p.counts[CHUNKS]:
        d = p.directory[entry]
        while i < d.size:
            node = p.chunk_node[d.chunk, i]
            if p.nodes[node].state == LISTED:
                return np.int64(node)
            i += 1
        entry += 1
        i = 0
    return np.int64(-1)


@kernel
def take_out(p: Any, node: int) -> None:
    """Remove a node from the sequence."""
    chunk = p.nodes[node].chunk - 1
    entry = p.chunk_place[chunk]
    d = p.directory[entry]
    i = 0
    while p.chunk_node[chunk, i] != node:
        i += 1
    weight, serial = p.chunk_weight[chunk, i], p.chunk_serial[chunk, i]
    d.size -= 1
    d.sum -= weight
    for k in range(i, d.size):
        p.chunk_node[chunk, k] = p.chunk_node[chunk, k + 1]
        p.chunk_weight[chunk, k] = p.chunk_weight[chunk, k + 1]
        p.chunk_serial[chunk, k] = p.chunk_serial[chunk, k + 1]
    p.nodes[node].chunk = 0
    if weight == d.weight and serial == d.serial:
        _find_heaviest(p, entry)
    if d.size < FEW:
        if entry + 1 < p.counts[CHUNKS] and p.directory[entry + 1].size + d.size <= 3 * FEW:
            _join_next(p, entry)
        elif entry > 0 and p.directory[entry - 1].size + d.size <= 3 * FEW:
            _join_next(p, entry - 1)
        elif d.size == 0:
            _drop_entry(p, entry)


@kernel
def put_before(p: Any, node: int, anchor: int, weight: int) -> None:
    """Place a node with the given key before ``anchor``, at the end where that is −1."""
    if anchor >= 0:
        chunk = p.nodes[anchor].chunk - 1
        i = 0
        while p.chunk_node[chunk, i] != anchor:
            i += 1
    else:
        if p.counts[CHUNKS] == 0:
            _add_entry(p, 0)
        d = p.directory[p.counts[CHUNKS] - 1]
        chunk, i = d.chunk, d.size
    entry = p.chunk_place[chunk]
    if p.directory[entry].size == CHUNK:
        _split(p, entry)
        if i > CHUNK // 2:
            i -= CHUNK // 2
            entry += 1
            chunk = p.directory[entry].chunk
    d = p.directory[entry]
    for k in range(d.size, i, -1):
        p.chunk_node[chunk, k] = p.chunk_node[chunk, k - 1]
        p.chunk_weight[chunk, k] = p.chunk_weight[chunk, k - 1]
        p.chunk_serial[chunk, k] = p.chunk_serial[chunk, k - 1]
    serial = p.nodes[node].serial
    p.chunk_node[chunk, i], p.chunk_weight[chunk, i], p.chunk_serial[chunk, i] = node, weight, serial
    d.size += 1
    d.sum += weight
    if d.size == 1 or weight > d.weight or (weight == d.weight and serial > d.serial):
        d.weight, d.serial = weight, serial
    p.nodes[node].key = weight
    p.nodes[node].chunk = chunk + 1


@kernel
def put_first(p: Any, node: int) -> None:
    """Place a node without edges before all others."""
    put_before(p, node, next_listed(p, 0), 0)


@kernel
def _find_heaviest(p: Any, entry: int) -> None:
    d = p.directory[entry]
    d.weight = d.serial = -1
    for i in range(d.size):
        weight, serial = p.chunk_weight[d.chunk, i], p.chunk_serial[d.chunk, i]
        if weight > d.weight or (weight == d.weight and serial > d.serial):
            d.weight, d.serial = weight, serial


@kernel
def _add_entry(p: Any, entry: int) -> None:
    """Put a fresh, empty chunk into the directory."""
    if p.counts[SPARE_CHUNKS] > 0:
        p.counts[SPARE_CHUNKS] -= 1
        chunk = np.int64(p.spare_chunk[p.counts[SPARE_CHUNKS]])
    else:
        chunk = p.counts[CHUNKS_MADE]
        p.counts[CHUNKS_MADE] += 1
    for k in range(p.counts[CHUNKS], entry, -1):
        p.directory[k] = p.directory[k - 1]
        p.chunk_place[p.directory[k].chunk] = k
    p.counts[CHUNKS] += 1
    d = p.directory[entry]
    d.weight = d.serial = -1
    d.sum = d.size = 0
    d.chunk = chunk
    p.chunk_place[chunk] = entry


@kernel
def _drop_entry(p: Any, entry: int) -> None:
    p.spare_chunk[p.counts[SPARE_CHUNKS]] = p.directory[entry].chunk
    p.counts[SPARE_CHUNKS] += 1
    p.counts[CHUNKS] -= 1
    for k in range(entry, p.counts[CHUNKS]):
        p.directory[k] = p.directory[k + 1]
        p.chunk_place[p.directory[k].chunk] = k


@kernel
def _move(p: Any, source: int, begin: int, target: int) -> None:
    """Append the nodes of entry ``source`` from ``begin`` on to entry ``target``."""
    one, other = p.directory[source], p.directory[target]
    for i in range(begin, one.size):
        node = p.chunk_node[one.chunk, i]
        p.chunk_node[other.chunk, other.size] = node
        p.chunk_weight[other.chunk, other.size] = p.chunk_weight[one.chunk, i]
        p.chunk_serial[other.chunk, other.size] = p.chunk_serial[one.chunk, i]
        p.nodes[node].chunk = other.chunk + 1
        other.size += 1
        other.sum += p.chunk_weight[one.chunk, i]
        one.sum -= p.chunk_weight[one.chunk, i]
    one.size = begin
    _find_heaviest(p, source)
    _find_heaviest(p, target)


@kernel
def _split(p: Any, entry: int) -> None:
    _add_entry(p, entry + 1)
    _move(p, entry, CHUNK // 2, entry + 1)


@kernel
def _join_next(p: Any, entry: int) -> None:
    _move(p, entry + 1, 0, entry)
    _drop_entry(p, entry + 1)
