"""Names of nodes in compiled code: 32 bytes each, found through an open-addressing table of node numbers.

Kept are 31 bytes of text, then kind and length in one byte. The table holds node numbers + 1, 0 for an empty place.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow, prefetch, word_at
from graph.layout import ACCOUNT, DAY, DEVICE, IP, MERCHANT, PAYEE, RING_MARK
from graph.name_layout import WORDS

KIND_SHIFT = np.uint64(61)
LENGTH_SHIFT = np.uint64(56)
LENGTH_MASK = np.uint64(31)
ENDS = 4
AHEAD = 3
"""Rows in hand at a time."""

ONES = 0xFFFFFFFF
CRC_TABLE = np.array([zlib.crc32(bytes([byte]), ONES) ^ ONES for byte in range(256)], dtype=np.uint32)
"""CRC-32 (ISO 3309) byte by byte, so that kernels count as ``zlib.crc32`` does."""


@kernel
def read_name(text: Any, start: int, length: int, kind: int, name: Any) -> None:
    """Pack ``length`` ≤ 31 bytes of ``text``, which ``pack_names`` has padded, with the kind into ``name`` [4]."""
    for w in range(WORDS):
        left = length - 8 * w
        word = word_at(text, start + 8 * w) if left > 0 else np.uint64(0)
        if 0 < left < 8:
            word &= (np.uint64(1) << np.uint64(8 * left)) - np.uint64(1)
        name[w] = word
    name[3] |= (np.uint64(kind) << KIND_SHIFT) | (np.uint64(length) << LENGTH_SHIFT)


@kernel
def hash_name(name: Any) -> int:
    """Mix four words (splitmix64 finaliser, Steele et al. 2014)."""
    x = np.uint64(0)
    for w in range(WORDS):
        x ^= name[w]
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x


@kernel
def find_name(names: Any, table: Any, census: Any, name: Any, mixed: int) -> int:
    """Place of a name, whose hash is ``mixed``, in the table, or the empty place where it would go."""
    mask = np.uint64(census[2] - 1)
    place = mixed & mask
    while table[place] != 0:
        # Word by word: a view of the row would be counted and freed each time, at a third of the cost of it all.
        at = np.uint64(table[place] - 1)
        if (
            names[at, 0] == name[0]
            and names[at, 1] == name[1]
            and names[at, 2] == name[2]
            and names[at, 3] == name[3]
        ):
            break
        place = (place + np.uint64(1)) & mask
    return np.int64(place)


@kernel
def find_number(text: Any, size: int, kind: int, names: Any, table: Any, census: Any) -> int:
    """Number of the node of this kind and name, −1 when it is not known."""
    name = np.empty(WORDS, dtype=np.uint64)
    read_name(text, 0, size, kind, name)
    return np.int64(table[find_name(names, table, census, name, hash_name(name))]) - 1


@kernel
def rebuild_table(names: Any, table: Any, census: Any) -> None:
    """Fill the table, of ``census[2]`` places, anew from the names."""
    for place in range(census[2]):
        table[place] = 0
    for number in range(census[0]):
        if names[number, 3] != 0:
            name = names[number]
            table[find_name(names, table, census, name, hash_name(name))] = number + 1


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

    A ring mark makes nobody a newcomer: it says something of the account's sides that are known.

    ``text`` holds the names of all rows, end by end, ``sizes`` [4 n] their bytes, 0 for no such end. ``census``:
    [numbers given out, free numbers, places in the table]. Stops before the first row of a new day, or before one
    for which nodes or pairs might not suffice, and returns that row.
    """
    events, text, sizes, nodes = borrow(events), borrow(text), borrow(sizes), borrow(nodes)
    names, table, free, census = borrow(names), borrow(table), borrow(free), borrow(census)
    at = np.int64(0)
    for i in range(ENDS * start):
        at += sizes[i]
    # Names are read two rows ahead and looked for one row ahead, to have them in the cache when their turn comes.
    owner = np.empty((ENDS * AHEAD, WORDS), dtype=np.uint64)
    ahead = borrow(owner)
    mixed_owner = np.zeros(ENDS * AHEAD, dtype=np.uint64)
    mixed = borrow(mixed_owner)
    row = start + 1 - AHEAD
    while row < len(events):
        if row + 2 < len(events):
            at = _read_row(text, at, sizes, row + 2, events[row + 2].is_transfer, table, census, ahead, mixed)
        if row + 1 >= start and row + 1 < len(events):
            _look_ahead(sizes, row + 1, names, table, census, mixed)
        if row < start:
            row += 1
            continue
        event = events[row]
        room = len(nodes) - (census[0] - census[1])
        pairs = counters[1] + 3 * (row - start + 1)
        if event.time // DAY > newest_day or room < ENDS or pairs > most_pairs:
            break
        for end in range(ENDS):
            if sizes[ENDS * row + end] == 0:
                event.ends[end] = -1
                continue
            i = ENDS * (row % AHEAD) + end
            place = find_name(names, table, census, ahead[i], mixed[i])
            if table[place] > 0:
                event.ends[end] = table[place] - 1
            elif event.kind == RING_MARK:
                event.ends[end] = -1
            else:
                event.ends[end] = _add(ahead[i], mixed[i], nodes, names, table, free, census)
        row += 1
    owner[0, 0] = mixed_owner[0] = 0  # named last, and so alive until here
    return row


@kernel
def _read_row(
    text: Any, at: int, sizes: Any, row: int, transfer: int, table: Any, census: Any, ahead: Any, mixed: Any
) -> int:
    """Pack the names of a row and fetch their places in the table; returns where the text goes on."""
    for end in range(ENDS):
        size = np.int64(sizes[ENDS * row + end])
        if size == 0:
            continue
        kind = kind_of_end(end, transfer)
        i = ENDS * (row % AHEAD) + end
        read_name(text, at, size, kind, ahead[i])
        mixed[i] = hash_name(ahead[i])
        prefetch(table, np.int64(mixed[i] & np.uint64(census[2] - 1)), 0)
        at += size
    return at


@kernel
def kind_of_end(end: int, transfer: int) -> int:
    """Kind of the node at an end of a transaction."""
    if end == 1:
        return PAYEE if transfer else MERCHANT
    return ACCOUNT if end == 0 else DEVICE if end == 2 else IP


@kernel
def _look_ahead(sizes: Any, row: int, names: Any, table: Any, census: Any, mixed: Any) -> None:
    for end in range(ENDS):
        if sizes[ENDS * row + end] > 0:
            number = table[mixed[ENDS * (row % AHEAD) + end] & np.uint64(census[2] - 1)]
            if number > 0:
                prefetch(names, WORDS * (number - 1), 0)


@kernel
def _add(name: Any, mixed: int, nodes: Any, names: Any, table: Any, free: Any, census: Any) -> int:
    if 4 * (census[0] - census[1] + 1) > 3 * census[2]:
        census[2] *= 2
        rebuild_table(names, table, census)
    if census[1] > 0:
        census[1] -= 1
        number = np.int64(free[census[1]])
    else:
        number = census[0]
        census[0] += 1
    table[find_name(names, table, census, name, mixed)] = number + 1
    add_record(name, number, nodes, names, table, census)
    return number


@kernel
def add_record(name: Any, number: int, nodes: Any, names: Any, table: Any, census: Any) -> None:
    """Make the record of a newcomer, whose place in the table is another's task."""
    for w in range(WORDS):
        names[number, w] = name[w]
    kind = np.int64(name[3] >> KIND_SHIFT)
    node = nodes[number]
    node.kind = kind
    node.hash = np.uint8(_crc32(name) & np.uint32(255))
    if kind in (ACCOUNT, PAYEE):
        _link_twin(name, number, nodes, names, table, census)


@kernel
def _crc32(name: Any) -> int:
    value = np.uint32(0xFFFFFFFF)
    for i in range(np.int64((name[3] >> LENGTH_SHIFT) & LENGTH_MASK)):
        byte = np.uint32((name[i // 8] >> np.uint64(8 * (i % 8))) & np.uint64(255))
        value = CRC_TABLE[(value ^ byte) & np.uint32(255)] ^ (value >> np.uint32(8))
    return value ^ np.uint32(0xFFFFFFFF)


@kernel
def _link_twin(name: Any, number: int, nodes: Any, names: Any, table: Any, census: Any) -> None:
    twin = name.copy()
    twin[3] ^= np.uint64(ACCOUNT ^ PAYEE) << KIND_SHIFT
    other = table[find_name(names, table, census, twin, hash_name(twin))] - 1
    if other >= 0:
        nodes[number].twin = other + 1
        nodes[other].twin = number + 1
