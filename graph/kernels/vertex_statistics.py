"""Exact statistics of the edges at both ends of an edge, over a sliding window: insert, expire, read.

Every quantity moves by a constant amount of work when an edge comes or leaves, whatever the degree of its ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow, prefetch
from graph.kernels.vertex_sums import (
    SUMS,
    add_power_sums,
    clear_power_sums,
    write_moments,
)

DEGREE, FAN, NEWEST, OF_TIME = 0, 1, 2, 3
OF_AMOUNT = OF_TIME + SUMS
SIDE_WIDTH = 24
"""Of one side (0 out, 1 in) of a vertex: edges, distinct others, serial + 1 of its newest edge, two sets of sums."""

SOURCE, TARGET, TIME, AMOUNT, BACK = 0, 1, 2, 3, 4
EDGE_WIDTH = 6
"""Of an edge: ends, time, amount in units, and for both sides the serials back to the edge before, 0 for none."""

BLOCK_WIDTH = 13
"""Columns of one side of one vertex."""

HEAD, TAIL, PAIRS, LATEST = 0, 1, 2, 3
AHEAD = 4
LINE = 64
SIDE_BYTES = 8 * SIDE_WIDTH


@kernel
def observe_edges(
    source: Any,
    target: Any,
    time: Any,
    amount: Any,
    window: int,
    unit: float,
    bins: Any,
    edges: Any,
    vertices: Any,
    pairs: Any,
    counts: Any,
    census: Any,
    out: Any,
) -> bool:
    """Insert edges in order of time and write a row for each, itself included; see ``graph.vertex_statistics``.

    Returns whether they were as they have to be; else nothing was inserted.
    """
    edges, vertices, pairs, counts = borrow(edges), borrow(vertices), borrow(pairs), borrow(counts)
    census, out = borrow(census), borrow(out)
    mask = len(edges) - 1
    for i in range(len(source)):
        earlier = time[i - 1] if i > 0 else census[LATEST]
        if min(source[i], target[i]) < 0 or max(source[i], target[i]) >= len(vertices) or time[i] < earlier:
            return False
    for i in range(len(source)):
        census[LATEST] = time[i]
        if i + AHEAD < len(source):
            _fetch(vertices, pairs, source[i + AHEAD], target[i + AHEAD])
        if census[TAIL] + AHEAD < census[HEAD]:
            coming = edges[(census[TAIL] + AHEAD) & mask]
            _fetch(vertices, pairs, coming[SOURCE], coming[TARGET])
        while census[TAIL] < census[HEAD] and edges[census[TAIL] & mask, TIME] <= time[i] - window:
            _leave(edges[census[TAIL] & mask], vertices, pairs, counts, census)
            census[TAIL] += 1
        units = np.int64(np.rint(amount[i] / unit))
        _enter(edges, vertices, pairs, counts, census, source[i], target[i], time[i], units)
        _write(edges, vertices, census, source[i], target[i], unit, bins, out[i])
    return True


@kernel
def _fetch(vertices: Any, pairs: Any, source: int, target: int) -> None:
    prefetch(pairs, _home(pairs, source, target), 0)
    for offset in range(0, 2 * SIDE_BYTES, LINE):
        prefetch(vertices, 2 * SIDE_WIDTH * source, offset)
        prefetch(vertices, 2 * SIDE_WIDTH * target, offset)


@kernel
def _enter(
    edges: Any,
    vertices: Any,
    pairs: Any,
    counts: Any,
    census: Any,
    source: int,
    target: int,
    time: int,
    amount: int,
) -> None:
    serial = census[HEAD]
    edge = edges[serial & (len(edges) - 1)]
    edge[SOURCE], edge[TARGET], edge[TIME], edge[AMOUNT] = source, target, time, amount
    is_new = _count_pair(pairs, counts, census, source, target)
    for side in range(2):
        one = vertices[source if side == 0 else target, side]
        if one[DEGREE] == 0:
            clear_power_sums(one[OF_TIME:], time)
            clear_power_sums(one[OF_AMOUNT:], amount)
        edge[BACK + side] = serial + 1 - one[NEWEST] if one[NEWEST] > 0 else 0
        one[NEWEST] = serial + 1
        one[DEGREE] += 1
        if is_new:
            one[FAN] += 1
        add_power_sums(one[OF_TIME:], time, 1)
        add_power_sums(one[OF_AMOUNT:], amount, 1)
    census[HEAD] = serial + 1


@kernel
def _leave(edge: Any, vertices: Any, pairs: Any, counts: Any, census: Any) -> None:
    is_last = _uncount_pair(pairs, counts, census, edge[SOURCE], edge[TARGET])
    for side in range(2):
        one = vertices[edge[SOURCE + side], side]
        one[DEGREE] -= 1
        if is_last:
            one[FAN] -= 1
        add_power_sums(one[OF_TIME:], edge[TIME], -1)
        add_power_sums(one[OF_AMOUNT:], edge[AMOUNT], -1)


@kernel
def _home(pairs: Any, source: int, target: int) -> int:
    x = (np.uint64(source) << np.uint64(32)) | np.uint64(target)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((x ^ (x >> np.uint64(31))) & np.uint64(len(pairs) - 1))


@kernel
def find_pair(pairs: Any, source: int, target: int) -> int:
    """Place of a pair, or the empty one where it would go; there always is one."""
    key = ((source << 32) | target) + 1
    place = _home(pairs, source, target)
    while pairs[place] != 0 and pairs[place] != key:
        place = (place + 1) & (len(pairs) - 1)
    return place


@kernel
def _count_pair(pairs: Any, counts: Any, census: Any, source: int, target: int) -> bool:
    place = find_pair(pairs, source, target)
    counts[place] += 1
    if pairs[place] != 0:
        return False
    pairs[place] = ((source << 32) | target) + 1
    census[PAIRS] += 1
    return True


@kernel
def _uncount_pair(pairs: Any, counts: Any, census: Any, source: int, target: int) -> bool:
    place = find_pair(pairs, source, target)
    counts[place] -= 1
    if counts[place] > 0:
        return False
    pairs[place] = 0
    census[PAIRS] -= 1
    _close_gap(pairs, counts, place)
    return True


@kernel
def _close_gap(pairs: Any, counts: Any, gap: int) -> None:
    """Move back what was put further on because the gap was taken (Knuth, volume 3, 6.4, algorithm R)."""
    mask = len(pairs) - 1
    place = (gap + 1) & mask
    while pairs[place] != 0:
        key = pairs[place] - 1
        home = _home(pairs, key >> 32, key & 0xFFFFFFFF)
        if (place - home) & mask >= (place - gap) & mask:
            pairs[gap], counts[gap] = pairs[place], counts[place]
            pairs[place], counts[place] = 0, 0
            gap = place
        place = (place + 1) & mask


@kernel
def _write(
    edges: Any, vertices: Any, census: Any, source: int, target: int, unit: float, bins: Any, out: Any
) -> None:
    j = _write_bins(vertices[target, 1, FAN], bins, out, 0)
    j = _write_bins(vertices[source, 0, FAN], bins, out, j)
    for end in range(2):
        vertex = source if end == 0 else target
        for side in range(2):
            _write_side(edges, vertices[vertex, side], side, census, unit, out, j)
            j += BLOCK_WIDTH


@kernel
def _write_bins(fan: int, bins: Any, out: Any, j: int) -> int:
    """One column for each range of sizes from one bin to the next, the last without end; 1 where the fan lies."""
    for k in range(len(bins)):
        out[j + k] = 0.0
    for k in range(len(bins) - 1, -1, -1):
        if fan >= bins[k]:
            out[j + k] = 1.0
            break
    return j + len(bins)


@kernel
def _write_side(edges: Any, one: Any, side: int, census: Any, unit: float, out: Any, j: int) -> None:
    count = one[DEGREE]
    if count == 0:
        for k in range(BLOCK_WIDTH):
            out[j + k] = 0.0
        return
    out[j] = one[FAN]
    out[j + 1] = count
    out[j + 2] = count / one[FAN]
    if write_moments(one[OF_TIME:], count, 1.0, out, j + 3):
        _centre_anew(edges, one, side, census, OF_TIME, TIME)
        write_moments(one[OF_TIME:], count, 1.0, out, j + 3)
    if write_moments(one[OF_AMOUNT:], count, unit, out, j + 8):
        _centre_anew(edges, one, side, census, OF_AMOUNT, AMOUNT)
        write_moments(one[OF_AMOUNT:], count, unit, out, j + 8)


@kernel
def _centre_anew(edges: Any, one: Any, side: int, census: Any, sums: int, field: int) -> None:
    """Sum again around the mean: rarely due, as the mean must have gone far."""
    mask = len(edges) - 1
    clear_power_sums(one[sums:], one[sums] + np.int64(np.rint(one[sums + 1] / one[DEGREE])))
    serial = one[NEWEST] - 1
    for _ in range(one[DEGREE]):
        edge = edges[serial & mask]
        add_power_sums(one[sums:], edge[field], 1)
        serial -= edge[BACK + side]


@kernel
def grow_edges(edges: Any, larger: Any, census: Any) -> None:
    """Move the edges held to a longer ring."""
    for serial in range(census[TAIL], census[HEAD]):
        larger[serial & (len(larger) - 1)] = edges[serial & (len(edges) - 1)]


@kernel
def grow_pairs(pairs: Any, counts: Any, larger: Any, larger_counts: Any) -> None:
    """Move the pairs held to a larger table."""
    for i in range(len(pairs)):
        if pairs[i] != 0:
            key = pairs[i] - 1
            place = find_pair(larger, key >> 32, key & 0xFFFFFFFF)
            larger[place] = pairs[i]
            larger_counts[place] = counts[i]
