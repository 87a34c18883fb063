"""Names of nodes in compiled code: 32 bytes each, found through an open-addressing table of node numbers.

Kept are 31 bytes of text, then kind and length in one byte. The table holds node numbers + 1, 0 for an empty place.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.layout import ACCOUNT, DAY, DEVICE, IP, MERCHANT, PAYEE

WORDS = 4
"""64-bit words of a name."""

KIND_SHIFT = np.uint64(61)
ENDS = 4

ONES = 0xFFFFFFFF
CRC_TABLE = np.array([zlib.crc32(bytes([byte]), ONES) ^ ONES for byte in range(256)], dtype=np.uint32)
"""CRC-32 (ISO 3309) byte by byte, so that kernels count as ``zlib.crc32`` does."""


@kernel
def read_name(text: Any, start: int, length: int, kind: int, name: Any) -> None:
    """Pack ``length`` ≤ 31 bytes of ``text`` with the kind into ``name`` [4]."""
    for w in range(WORDS):
        word = np.uint64(0)
        for b in range(min(max(length - 8 * w, 0), 8)):
            word |= np.uint64(text[start + 8 * w + b]) << np.uint64(8 * b)
        name[w] = word
    name[3] |= (np.uint64(kind) << KIND_SHIFT) | (np.uint64(length) << np.uint64(56))


@kernel
def _hash(name: Any) -> int:
    """Mix four words (splitmix64 finaliser, Steele et al. 2014)."""
    x = np.uint64(0)
    for w in range(WORDS):
        x ^= name[w]
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x


@kernel
def find_name(names: Any, table: Any, census: Any, name: Any) -> int:
    """Place of a name in the table, or the empty place where it would go."""
    mask = np.uint64(census[2] - 1)
    place = _hash(name) & mask
    while table[place] != 0:
        held = names[table[place] - 1]
        if held[0] == name[0] and held[1] == name[1] and held[2] == name[2] and held[3] == name[3]:
            break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@kernel
def rebuild_table(names: Any, table: Any, census: Any) -> None:
    """Fill the table, of ``census[2]`` places, anew from the names."""
    for place in range(census[2]):
        table[place] = 0
    for number in range(census[0]):
        if names[number, 3] != 0:
            table[find_name(names, table, census, names[number])] = number + 1


@kernel
def intern_rows(
    events: Any,
    start: int,
    text: Any,
    sizes: Any,
    nodes: Any,
    names: Any,
    table: Any,
    free: Any,
    census: Any,
    counters: Any,
    newest_day: int,
    most_pairs: int,
) -> int:
    """Number the ends of the events from ``start`` on, newcomers row by row, so that batches do not matter.

    ``text`` holds the names of all rows, end by end, ``sizes`` [4 n] their bytes, 0 for no such end. ``census``:
    [numbers given out, free numbers, places in the table]. Stops before the first row of a new day, or before one
    for which nodes or pairs might not suffice, and returns that row.
    """
    at = np.int64(0)
    for i in range(ENDS * start):
        at += sizes[i]
    name = np.empty(WORDS, dtype=np.uint64)
    for row in range(start, len(events)):
        event = events[row]
        room = len(nodes) - (census[0] - census[1])
        pairs = counters[1] + 3 * (row - start + 1)
        if event.time // DAY > newest_day or room < ENDS or pairs > most_pairs:
            return row
        for end in range(ENDS):
            size = np.int64(sizes[ENDS * row + end])
            if size == 0:
                event.ends[end] = -1
                continue
            kind = ACCOUNT if end == 0 else DEVICE if end == 2 else IP
            if end == 1:
                kind = PAYEE if event.is_transfer else MERCHANT
            read_name(text, at, size, kind, name)
            place = find_name(names, table, census, name)
            if table[place] == 0:
                _add(text, at, size, kind, name, nodes, names, table, free, census)
                place = find_name(names, table, census, name)
            event.ends[end] = table[place] - 1
            at += size
    return len(events)


@kernel
def _add(
    text: Any,
    start: int,
    size: int,
    kind: int,
    name: Any,
    nodes: Any,
    names: Any,
    table: Any,
    free: Any,
    census: Any,
) -> None:
    if 4 * (census[0] - census[1] + 1) > 3 * census[2]:
        census[2] *= 2
        rebuild_table(names, table, census)
    if census[1] > 0:
        census[1] -= 1
        number = np.int64(free[census[1]])
    else:
        number = census[0]
        census[0] += 1
    for w in range(WORDS):
        names[number, w] = name[w]
    table[find_name(names, table, census, name)] = number + 1
    node = nodes[number]
    node.kind = kind
    node.alive = 1
    node.hash = _crc32(text, start, size)
    if kind in (ACCOUNT, PAYEE):
        _link_twin(name, kind, number, nodes, names, table, census)


@kernel
def _crc32(text: Any, start: int, size: int) -> int:
    value = np.uint32(0xFFFFFFFF)
    for i in range(start, start + size):
        value = CRC_TABLE[(value ^ np.uint32(text[i])) & np.uint32(255)] ^ (value >> np.uint32(8))
    return value ^ np.uint32(0xFFFFFFFF)


@kernel
def _link_twin(name: Any, kind: int, number: int, nodes: Any, names: Any, table: Any, census: Any) -> None:
    twin = name.copy()
    twin[3] ^= np.uint64(ACCOUNT ^ PAYEE) << KIND_SHIFT
    other = table[find_name(names, table, census, twin)] - 1
    if other >= 0:
        nodes[number].twin = other + 1
        nodes[other].twin = number + 1
