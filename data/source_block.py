"""Columns of a foreign file turned into canonical values, a block at a time.

What a value lacks to be one is noted against its row under the name that the column has in the file, and the row goes
to the dead letters with that; the other rows go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.admission import Columns, Proposal
from data.blocks import Block, TableFile
from data.column_values import as_text, numbers, texts, value_at
from fraud.errors import InputError, RecordError
from fraud.fields import mask
from fraud.instant import to_micros

__all__ = ["DAY", "HOUR", "SourceBlock", "check_columns"]

HOUR = 3_600_000_000.0
"""Microseconds of an hour."""

DAY = 24 * HOUR

_CALENDAR_MICROSECONDS = 2.0**57
"""Beyond it (the year 6536) a number of microseconds is no time that anyone means."""
_SHOWN = 40

_Bad = NDArray[np.bool_]


def check_columns(file: TableFile, needed: Collection[str], source: str) -> None:
    """Raises InputError unless the file has the columns that a source needs."""
    lacking = [name for name in needed if name not in file.names]
    if lacking:
        found = ", ".join(name[:_SHOWN] for name in file.names[:20])
        raise InputError(f"{file.path}: no {source} file, it lacks the column {lacking[0]!r}; found {found}")


class SourceBlock:
    """A block of a foreign file. ``personal`` names the columns whose values are masked in messages."""

    def __init__(self, block: Block, *, personal: Collection[str] = ()) -> None:
        self.rows = block.rows
        self._table = block.table
        self._personal = personal
        self._problems: dict[int, RecordError] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def raw(self, name: str) -> pa.Array:
        """The column as it is."""
        return self._table[name].combine_chunks()

    def text(self, name: str, *, strip: str = "") -> pa.Array:
        """The column as strings without the characters ``strip`` at either end."""
        found = as_text(self.raw(name))
        if found is None:
            values, bad = texts(name, self.raw(name))
            self.refuse(bad, name, "is not text")
            found = pa.array(values, pa.string())
        return pc.utf8_trim(found, strip) if strip else found

    def joined(self, *names: str, separator: str = ":") -> pa.Array:
        """Several columns as one string, null where any is."""
        return pc.binary_join_element_wise(*(self.text(name) for name in names), separator)

    def row_ids(self, prefix: str) -> pa.Array:
        """Transaction ids made of a prefix and the row number, for files that have none."""
        return pc.binary_join_element_wise(prefix, pa.array(self.rows).cast(pa.string()), "")

    def renamed(self, name: str, new: Mapping[str, str]) -> pa.Array:
        """The column as text, each value replaced by its new name where it has one."""
        encoded = self.text(name).dictionary_encode()
        values = encoded.dictionary.to_pylist()
        return pa.array([new.get(value, value) for value in values], pa.string()).take(encoded.indices)

    def constant(self, value: str | None) -> pa.Array:
        """The same text in every row."""
        return pa.array([value] * len(self), pa.string())

    def number(
        self, name: str, *, scale: float = 1.0, strip: str = "", decimal_comma: bool = False
    ) -> pa.Array:
        """The column as numbers times ``scale``; drops the characters ``strip`` (currency signs) first."""
        values = self._numbers(name, strip=strip, decimal_comma=decimal_comma) * scale
        return pa.array(values, mask=np.isnan(values))

    def steps(self, name: str, *, start: datetime, unit: float) -> pa.Array:
        """Instants out of a count of ``unit`` microseconds since ``start``."""
        offsets = self._numbers(name) * unit
        missing = np.isnan(offsets)
        absurd = ~missing & ~(np.abs(offsets) < _CALENDAR_MICROSECONDS)
        self.refuse(absurd, name, "lies outside the calendar; check the unit")
        unknown = missing | absurd
        whole = np.rint(np.where(unknown, 0.0, offsets)).astype(np.int64) + to_micros(start)
        return pa.array(whole, pa.timestamp("us", "UTC"), mask=unknown)

    def written_time(self, name: str, layout: str, zone: tzinfo = UTC) -> pa.Array:
        """Instants out of text in a strptime ``layout``, in ``zone`` where the text itself gives none."""
        text = self.text(name)
        encoded = text.dictionary_encode()
        distinct = _parse_layout(encoded.dictionary, layout, zone)
        found = pa.array(distinct).take(encoded.indices)
        bad = found.is_null().to_numpy(zero_copy_only=False) & ~text.is_null().to_numpy(zero_copy_only=False)
        self.refuse(bad, name, f"is not a time written as {layout}")
        return found

    def flag(self, name: str, *, fraud: Collection[str], honest: Collection[str]) -> pa.Array:
        """1 where the column holds a word of ``fraud``, 0 for one of ``honest``, null where empty."""
        values, bad = texts(name, self.raw(name))
        codes = {**dict.fromkeys(honest, 0), **dict.fromkeys(fraud, 1)}
        found = pd.Series(values).map(codes)
        known = found.notna().to_numpy()
        missing = pd.isna(values)
        expected = ", ".join([*fraud, *honest])
        self.refuse(bad | ~(known | missing), name, f"is none of {expected}")
        return pa.array(np.where(known, found.to_numpy(float), 0).astype(np.int8), mask=~known)

    def refuse(self, bad: _Bad, name: str, reason: str) -> None:
        """Notes the rows of the mask as bad; a row keeps the first thing noted against it."""
        for position in np.flatnonzero(bad):
            if int(position) not in self._problems:
                self._problems[int(position)] = RecordError(
                    name, f"{self._quote(name, int(position))} {reason}"
                )

    def propose(self, columns: Columns) -> Proposal:
        """The block in canonical columns, with what was noted against its rows."""
        return Proposal(columns, self.rows, self._problems)

    def _quote(self, name: str, position: int) -> str:
        value = str(value_at(self.raw(name), position)) if name in self._table.column_names else name
        if name in self._personal:
            return mask(value)
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")

    def _numbers(self, name: str, *, strip: str = "", decimal_comma: bool = False) -> NDArray[np.float64]:
        column = self.raw(name)
        text = as_text(column)
        if text is not None and not pa.types.is_integer(column.type):
            if decimal_comma:
                # 1.234,56 as 1234.56
                text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
            for character in strip:
                text = pc.replace_substring(text, character, "")
            column = text
        values, bad = numbers(name, column)
        self.refuse(bad, name, "is not a number")
        return values


def _parse_layout(text: pa.Array, layout: str, zone: tzinfo) -> pd.DatetimeIndex:
    values = pd.Series(text.to_numpy(zero_copy_only=False), dtype=object).str.strip()
    if "%z" in layout:
        return pd.DatetimeIndex(pd.to_datetime(values, format=layout, errors="coerce", utc=True))
    times = pd.DatetimeIndex(pd.to_datetime(values, format=layout, errors="coerce"))
    # The hour that occurs twice in autumn is taken for its second time; the one left out in spring moves on.
    ambiguous = np.zeros(len(times), bool)
    return times.tz_localize(zone, ambiguous=ambiguous, nonexistent="shift_forward").tz_convert("UTC")
