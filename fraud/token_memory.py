"""Tokens of identifiers met lately: identifiers come back, and a remembered token costs a tenth of a computed one.

They are kept in one flat table, read by compiled code. In a dictionary of strings each look-up waits for memory four
times, one after the other; here a row is two cache lines, a short identifier is found, compared and answered from the
first, and a batch has all of its rows fetched before it reads any.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.intrinsics import borrow, prefetch

__all__ = ["TokenMemory"]

ROWS = 1 << 18
"""32 MiB."""
REACH = 8
"""Rows in which an identifier is looked for; where others have taken them all, one of those is forgotten."""

TOKEN_WORDS, NAME_WORDS = 4, 11
PADDING = "    "
"""Behind the 28 characters of a token, which hold no space."""
ROW_WORDS = 1 + TOKEN_WORDS + NAME_WORDS
"""64-bit words of a row: kind and length, the token (padded), the identifier."""
CACHE_LINE = 64
SPARE_WORDS = CACHE_LINE // 8
LONGEST_REMEMBERED = 8 * NAME_WORDS
"""Bytes of an identifier that fit into a row."""
IN_FIRST_LINE = CACHE_LINE - 8 * (1 + TOKEN_WORDS)
"""Bytes of an identifier that lie in the first line of its row."""

FOUND, TOO_LONG = -1, -2


@kernel
def find_tokens(text: Any, sizes: Any, stops: Any, table: Any, names: Any, places: Any, tokens: Any) -> int:
    """Fill ``tokens`` [n, 4] with those remembered; returns how many are not.

    ``text`` holds the identifiers one after the other, ``sizes`` [n] their bytes; those before ``stops[k]`` are of
    kind k or below. Fills ``names`` [n, 12], the identifiers as rows hold them, and ``places`` [n]: ``FOUND``,
    ``TOO_LONG``, or the row that the identifier may take.
    """
    text, sizes, table = borrow(text), borrow(sizes), borrow(table)
    names, places, tokens = borrow(names), borrow(places), borrow(tokens)
    at = kind = missing = 0
    for i in range(len(sizes)):
        while i >= stops[kind]:
            kind += 1
        size = sizes[i]
        if size > LONGEST_REMEMBERED:
            places[i] = TOO_LONG
        else:
            places[i] = read_name(text, at, size, kind, names, i) & (len(table) - 1)
            prefetch(table, places[i] * ROW_WORDS, 0)
            if size > IN_FIRST_LINE:
                prefetch(table, places[i] * ROW_WORDS, CACHE_LINE)
        at += size
    for i in range(len(sizes)):
        if places[i] != TOO_LONG:
            places[i] = find_token(table, names, i, places[i], tokens)
        missing += places[i] != FOUND
    return missing


@kernel
def read_name(text: Any, start: int, size: int, kind: int, names: Any, i: int) -> Any:
    """Lay out one identifier in ``names[i]`` and return its hash (splitmix64 finaliser, Steele et al. 2014)."""
    x = names[i, 0] = np.uint64(256 * (kind + 1) + size)
    for w in range((size + 7) // 8):
        word = np.uint64(0)
        for b in range(min(size - 8 * w, 8)):
            word |= np.uint64(text[start + 8 * w + b]) << np.uint64(8 * b)
        names[i, 1 + w] = word
        x ^= word
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return np.int64(x >> np.uint64(1))


@kernel
def find_token(table: Any, names: Any, i: int, place: int, tokens: Any) -> int:
    """``FOUND`` and the token written into ``tokens[i]``, or the row that ``names[i]`` may take."""
    words = (np.int64(names[i, 0] & np.uint64(255)) + 7) // 8
    for step in range(REACH):
        row = (place + step) & (len(table) - 1)
        if table[row, 0] == 0:
            return row
        if table[row, 0] != names[i, 0]:
            continue
        w = 0
        while w < words and table[row, 1 + TOKEN_WORDS + w] == names[i, 1 + w]:
            w += 1
        if w == words:
            for t in range(TOKEN_WORDS):
                tokens[i, t] = table[row, 1 + t]
            return FOUND
    return place


@kernel
def keep_tokens(table: Any, names: Any, places: Any, tokens: Any) -> None:
    """Write what was not found into the rows that ``places`` names."""
    for i in range(len(places)):
        row = places[i]
        if row >= 0:
            table[row, 0] = names[i, 0]
            table[row, 1 : 1 + TOKEN_WORDS] = tokens[i]
            table[row, 1 + TOKEN_WORDS :] = names[i, 1:]


class TokenMemory:
    """Remembers tokens of identifiers of several kinds; may be asked from several threads.

    ``compute`` gives the token, 28 ASCII characters, of an identifier of a kind where it is not remembered.
    """

    def __init__(self, compute: Callable[[int, str], str]) -> None:
        self._compute = compute
        words = np.zeros(ROWS * ROW_WORDS + SPARE_WORDS, dtype=np.uint64)
        skipped = -words.ctypes.data % CACHE_LINE // 8
        self._table = words[skipped : skipped + ROWS * ROW_WORDS].reshape(ROWS, ROW_WORDS)
        # Kernels run without the GIL: a row that one thread writes must not be read by another meanwhile.
        self._lock = threading.Lock()

    def tokens(self, *columns: list[str]) -> list[str]:
        """Tokens of the identifiers in ``columns``, the k-th of kind k, one column after the other."""
        values = list(chain.from_iterable(columns))
        n = len(values)
        text, sizes = _laid_out(values)
        stops = tuple(accumulate(map(len, columns)))
        names = np.empty((n, 1 + NAME_WORDS), dtype=np.uint64)
        places = np.empty(n, dtype=np.int64)
        tokens = np.empty((n, TOKEN_WORDS), dtype=np.uint64)
        with self._lock:
            if find_tokens(text, sizes, stops, self._table, names, places, tokens):
                for i in np.flatnonzero(places != FOUND).tolist():
                    token = self._compute(bisect_right(stops, i), values[i])
                    tokens[i] = np.frombuffer((token + PADDING).encode(), dtype=np.uint64)
                keep_tokens(self._table, names, places, tokens)
        found = tokens.tobytes().decode("ascii").split(PADDING)
        found.pop()
        return found


def _laid_out(values: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all identifiers one after the other, and how many each has."""
    text = "".join(values)
    if text.isascii():
        encoded, sizes = text.encode("ascii"), map(len, values)
    else:
        parts = [value.encode("utf-8", "surrogatepass") for value in values]
        encoded, sizes = b"".join(parts), map(len, parts)
    return np.frombuffer(encoded, dtype=np.uint8), np.fromiter(sizes, np.int64, len(values))
