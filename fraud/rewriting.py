"""Raw records in, plain ones out with tokens for identifiers: the walk of ``fraud.plain_records`` over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud.plain_records import (
    CAREFUL,
    IDENTIFIERS,
    KIND,
    MORE,
    PLAIN,
    SPAN_WIDTH,
    SPAN_WORDS,
    SPANS,
    STOP,
    UNSURE,
    WORK_WORDS,
    lay_spans,
    read_records,
    write_records,
)
from fraud.token_memory import FOUND, TEXT_PADDING, TokenMemory, lay_found
from fraud.transaction import is_currency

__all__ = ["Rewritten", "rewrite"]

Words = NDArray[np.uint64]


class Rewritten(NamedTuple):
    """The plain ones of n records as lines of JSON, each with tokens for its identifiers and with its currency."""

    text: memoryview
    work: Words
    n: int

    def ends(self) -> dict[int, int]:
        """Where the line of each plain record ends, by the number of the record, in order."""
        spans = lay_spans(self.work, self.n)
        rows = np.flatnonzero(spans[:, KIND] == PLAIN)
        return dict(zip(rows.tolist(), spans[rows, STOP].tolist(), strict=True))


def rewrite(lines: Sequence[bytes], memory: TokenMemory, currency: str, bounds: tuple[int, int]) -> Rewritten:
    """Walk over JSON records and write the plain ones again.

    ``currency`` stands in where a record names none; ``bounds``: earliest and latest event time of a plain record, µs
    since 1970 UTC.
    """
    n = len(lines)
    content = b"".join([*lines, TEXT_PADDING])
    text = np.frombuffer(content, dtype=np.uint8)
    sizes = np.fromiter(map(len, lines), np.int64, n)
    work = np.empty(WORK_WORDS * n, dtype=np.uint64)
    out = np.empty(len(content) + MORE * n, dtype=np.uint8)
    code, length = _packed(currency), 0

    def find(table: Words) -> int:
        nonlocal length
        unsure, missing, length = read_records(text, sizes, bounds, code, table, work, out)
        return missing - _judge(lines, work) if unsure else missing

    def identifiers(numbers: list[int]) -> list[tuple[int, str]]:
        # One by one: there are few, and arrays of a few cost more.
        tell = lay_spans(work, n).reshape(-1).item
        found = []
        for number in numbers:
            at = number // IDENTIFIERS * SPAN_WIDTH + SPANS + number % IDENTIFIERS * 3
            start = tell(at)
            found.append((tell(at + 2), content[start : start + tell(at + 1)].decode()))
        return found

    memory.look_up(find, work[n * SPAN_WORDS :], identifiers)
    if length < 0:
        length = write_records(text, code, work, n, out)
    return Rewritten(out.data[:length], work, n)


@lru_cache(maxsize=64)
def _packed(currency: str) -> int:
    """The three bytes of a currency in one number, 0 where it is none."""
    return int.from_bytes(currency.encode(), "little") if is_currency(currency) else 0


def _judge(lines: Sequence[bytes], work: Words) -> int:
    """Settle what the unsure records are; returns how many tokens are then no longer asked for."""
    dropped = 0
    spans = lay_spans(work, len(lines))
    _, places, _ = lay_found(work[SPAN_WORDS * len(lines) :], IDENTIFIERS * len(lines))
    for row in np.flatnonzero(spans[:, KIND] == UNSURE).tolist():
        if _is_printable(lines[row]):
            spans[row, KIND] = PLAIN
        else:
            spans[row, KIND] = CAREFUL
            own = places[IDENTIFIERS * row : IDENTIFIERS * (row + 1)]
            dropped += int(np.count_nonzero(own != FOUND))
            own[:] = FOUND
    return dropped


def _is_printable(line: bytes) -> bool:
    try:
        return line.decode().isprintable()
    except UnicodeDecodeError:
        return False
