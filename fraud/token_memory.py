"""Tokens of identifiers met lately: identifiers come back, and a remembered token costs a tenth of a computed one.

They are kept in one flat table, read by compiled code. In a dictionary of strings each look-up waits for memory four
times, one after the other; here a row is two cache lines, a short identifier is found, compared and answered from the
first, and a batch has all of its rows fetched before it reads any.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud.compiled import kernel
from fraud.intrinsics import borrow, prefetch, word_at

__all__ = ["Found", "TokenMemory"]

ROWS = 1 << 18
"""32 MiB."""
REACH = 8
"""Rows in which an identifier is looked for; where others have taken them all, one of those is forgotten."""

TOKEN_WORDS, NAME_WORDS = 4, 11
TOKEN_BYTES = 28
PADDING = "    "
"""Behind the characters of a token, which hold no space."""
ROW_WORDS = 1 + TOKEN_WORDS + NAME_WORDS
"""64-bit words of a row: kind and length, the token (padded), the identifier."""
CACHE_LINE = 64
SPARE_WORDS = CACHE_LINE // 8
LONGEST_REMEMBERED = 8 * NAME_WORDS
"""Bytes of an identifier that fit into a row."""
IN_FIRST_LINE = CACHE_LINE - 8 * (1 + TOKEN_WORDS)
"""Bytes of an identifier that lie in the first line of its row."""

FOUND_WORDS = 1 + NAME_WORDS + 1 + TOKEN_WORDS
"""Of what is found of one identifier, see ``Found``."""

FOUND, TOO_LONG = -1, -2

TEXT_PADDING = bytes(16)
"""Must follow a text that kernels read: they read words, beyond its end too."""


def lay_found(work: Any, n: int) -> tuple[Any, Any, Any]:
    """Names, places and tokens of ``Found`` for ``n`` identifiers, in one array [n · FOUND_WORDS] of 64-bit words."""
    width = 1 + NAME_WORDS
    names = work[: n * width].reshape(n, width)
    places = work[n * width : n * width + n].view(np.int64)
    tokens = work[n * width + n : n * FOUND_WORDS].reshape(n, TOKEN_WORDS)
    return names, places, tokens


found_in = kernel(lay_found)
"""The same for kernels."""


@kernel
def find_tokens(text: Any, sizes: Any, stops: Any, table: Any, work: Any) -> int:
    """Find n identifiers; returns how many tokens are not remembered.

    ``text`` holds the identifiers one after the other and ``TEXT_PADDING``, ``sizes`` [n] their bytes; those before
    ``stops[k]`` are of kind k or below. Fills ``work``, see ``lay_found``.
    """
    text, sizes, table, work = borrow(text), borrow(sizes), borrow(table), borrow(work)
    names, places, tokens = found_in(work, len(sizes))
    at = kind = missing = 0
    for i in range(len(sizes)):
        while i >= stops[kind]:
            kind += 1
        places[i] = place_of(text, at, sizes[i], kind, table)
        at += sizes[i]
    at = kind = 0
    for i in range(len(sizes)):
        while i >= stops[kind]:
            kind += 1
        if places[i] != TOO_LONG:
            places[i] = find_token(table, text, at, sizes[i], kind, places[i], names, tokens, i)
        missing += places[i] != FOUND
        at += sizes[i]
    return missing


@kernel
def place_of(text: Any, start: int, size: int, kind: int, table: Any) -> Any:
    """The row where the search for an identifier begins, being fetched by now, or ``TOO_LONG``.

    By a hash of kind, length and text (splitmix64 finaliser, Steele et al. 2014).
    """
    if size > LONGEST_REMEMBERED:
        return TOO_LONG
    x = first_word(size, kind)
    for w in range((size + 7) // 8):
        x ^= name_word(text, start, size, w)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    place = np.int64(x >> np.uint64(1)) & (len(table) - 1)
    prefetch(table, place * ROW_WORDS, 0)
    if size > IN_FIRST_LINE:
        prefetch(table, place * ROW_WORDS, CACHE_LINE)
    return place


@kernel
def first_word(size: int, kind: int) -> Any:
    """What a row begins with: kind and length of its identifier."""
    return np.uint64(256 * (kind + 1) + size)


@kernel
def name_word(text: Any, start: int, size: int, w: int) -> Any:
    """The w-th eight bytes of an identifier, those behind its end zero."""
    word = word_at(text, start + 8 * w)
    if size < 8 * w + 8:
        word &= (np.uint64(1) << np.uint64(8 * (size - 8 * w))) - np.uint64(1)
    return word


@kernel
def find_token(
    table: Any, text: Any, start: int, size: int, kind: int, place: int, names: Any, tokens: Any, i: int
) -> int:
    """``FOUND`` and the token written into ``tokens[i]``, or the row that it may take, laid out in ``names[i]``."""
    head, words, room = first_word(size, kind), (size + 7) // 8, place
    for step in range(REACH):
        row = (place + step) & (len(table) - 1)
        if table[row, 0] == 0:
            room = row
            break
        if table[row, 0] != head:
            continue
        w = 0
        while w < words and table[row, 1 + TOKEN_WORDS + w] == name_word(text, start, size, w):
            w += 1
        if w == words:
            for t in range(TOKEN_WORDS):
                tokens[i, t] = table[row, 1 + t]
            return FOUND
    names[i, 0] = head
    for w in range(words):
        names[i, 1 + w] = name_word(text, start, size, w)
    return room


@kernel
def keep_tokens(table: Any, names: Any, places: Any, tokens: Any) -> None:
    """Write what was not found into the rows that ``places`` names."""
    for i in range(len(places)):
        row = places[i]
        if row >= 0:
            table[row, 0] = names[i, 0]
            table[row, 1 : 1 + TOKEN_WORDS] = tokens[i]
            table[row, 1 + TOKEN_WORDS :] = names[i, 1:]


class Found(NamedTuple):
    """What is found of n identifiers."""

    names: NDArray[np.uint64]
    """[n, 12] those not found, as rows of the table hold them"""
    places: NDArray[np.int64]
    """[n] ``FOUND``, ``TOO_LONG``, or the row that the identifier may take"""
    tokens: NDArray[np.uint64]
    """[n, 4] where found"""


class TokenMemory:
    """Remembers tokens of identifiers of several kinds; may be asked from several threads.

    ``compute`` gives the tokens of identifiers (kind, text) that are not remembered, 28 ASCII characters each and
    ``PADDING``.
    """

    def __init__(self, compute: Callable[[Sequence[tuple[int, str]]], bytes]) -> None:
        self._compute = compute
        words = np.zeros(ROWS * ROW_WORDS + SPARE_WORDS, dtype=np.uint64)
        skipped = -words.ctypes.data % CACHE_LINE // 8
        self._table = words[skipped : skipped + ROWS * ROW_WORDS].reshape(ROWS, ROW_WORDS)
        # Kernels run without the GIL: a row that one thread writes must not be read by another meanwhile.
        self._lock = threading.Lock()

    def tokens(self, *columns: list[str]) -> list[str]:
        """Tokens of the identifiers in ``columns``, the k-th of kind k, one column after the other."""
        values = list(chain.from_iterable(columns))
        text, sizes = _laid_out(values)
        stops = tuple(accumulate(map(len, columns)))
        work = np.empty(FOUND_WORDS * len(values), dtype=np.uint64)
        self.look_up(
            lambda table: find_tokens(text, sizes, stops, table, work),
            work,
            lambda rows: [(bisect_right(stops, row), values[row]) for row in rows],
        )
        tokens = Found(*lay_found(work, len(values))).tokens.tobytes().decode("ascii").split(PADDING)
        tokens.pop()
        return tokens

    def look_up(
        self,
        find: Callable[[NDArray[np.uint64]], int],
        work: NDArray[np.uint64],
        identifiers: Callable[[list[int]], list[tuple[int, str]]],
    ) -> None:
        """Have ``find`` fill ``work`` from the table, see ``lay_found``; compute and remember what it says is missing.

        ``identifiers`` tells kind and text of those with the given numbers.
        """
        with self._lock:
            if find(self._table):
                found = Found(*lay_found(work, len(work) // FOUND_WORDS))
                missing = np.flatnonzero(found.places != FOUND)
                tokens = self._compute(identifiers(missing.tolist()))
                found.tokens[missing] = np.frombuffer(tokens, dtype=np.uint64).reshape(-1, TOKEN_WORDS)
                keep_tokens(self._table, *found)


def _laid_out(values: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all identifiers one after the other, padded, and how many each has."""
    text = "".join(values)
    if text.isascii():
        encoded, sizes = text.encode("ascii"), map(len, values)
    else:
        parts = [value.encode("utf-8", "surrogatepass") for value in values]
        encoded, sizes = b"".join(parts), map(len, parts)
    return np.frombuffer(encoded + TEXT_PADDING, dtype=np.uint8), np.fromiter(sizes, np.int64, len(values))
