"""Values of whole columns, equal value for value to the readers of ``fraud.fields``.

Arrow converts what has the plain layout; every other value goes through the reference reader. Each function gives the
values and a mask of the rows whose value cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fraud.errors import RecordError
from fraud.fields import LONGEST_TEXT, read_number, read_text, read_time
from fraud.instant import to_micros

__all__ = ["MISSING_TIME", "as_text", "flags", "numbers", "texts", "times", "value_at"]

Bad = NDArray[np.bool_]
Reader = Callable[[str, object], object]

MISSING_TIME = int(np.iinfo(np.int64).min)

_PLAIN_TEXT = rf"^[!-~](?:[ -~]{{0,{LONGEST_TEXT - 2}}}[!-~])?$"
_PLAIN_NUMBER = r"^-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?$"
_DAY = (
    r"(?:19|20)[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_INSTANT = rf"^{_DAY}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?"
_PLAIN_TIME = _INSTANT + "$"
_ZONED_TIME = _INSTANT + r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"

_FINER_THAN_MICROSECONDS = r"^(.{19}\.[0-9]{6})[0-9]{1,3}"


def as_text(array: pa.Array) -> pa.Array | None:
    """The column as valid UTF-8 strings where its type is text or whole numbers, else None."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return as_text(array.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_integer(kind) or pa.types.is_string_view(kind):
        return array.cast(pa.string())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    try:
        array.validate(full=True)  # Parquet may hold bytes that are not UTF-8
    except pa.ArrowInvalid:
        return None
    return array


def texts(
    field: str, array: pa.Array, read: Reader = read_text, *, shared: dict[str, str] | None = None
) -> tuple[NDArray[np.object_], Bad]:
    """[n] str or None by ``read`` (read_text, or a stricter reader of text), which sees each distinct value once.

    ``shared`` collects the texts met, so that equal ones are the same object from call to call.
    """
    text = as_text(array)
    if text is None:
        return _one_by_one(field, array, read)
    encoded = text.dictionary_encode()
    distinct = encoded.dictionary
    count = len(distinct)
    values = np.empty(count + 1, object)
    values[:count] = distinct.to_numpy(zero_copy_only=False)
    # The last place stands for null, which a reader may still turn into a default.
    values[count] = None
    bad = np.zeros(count + 1, bool)
    needs_reading = np.ones(count, bool) if read is not read_text else ~_matches(distinct, _PLAIN_TEXT)
    for place in [*np.flatnonzero(needs_reading), count]:
        try:
            values[place] = read(field, values[place])
        except RecordError:
            values[place], bad[place] = None, True
    if shared is not None:
        values[:count] = [
            None if value is None else shared.setdefault(value, value) for value in values[:count]
        ]
    codes = encoded.indices.fill_null(count).to_numpy()
    return values[codes], bad[codes]


def numbers(field: str, array: pa.Array) -> tuple[NDArray[np.float64], Bad]:
    """[n] float64, NaN where missing."""
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind):
        values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return values.astype(np.float64), np.zeros(len(array), bool)
    text = None if pa.types.is_boolean(kind) else as_text(array)
    if text is None:
        return _floats(*_one_by_one(field, array, read_number))
    plain = _matches(text, _PLAIN_NUMBER)
    values, bad = np.full(len(array), np.nan), np.zeros(len(array), bool)
    values[plain] = text.filter(pa.array(plain)).cast(pa.float64()).to_numpy()
    rest = np.flatnonzero(~plain & ~_is_null(text))
    values[rest], bad[rest] = _floats(*_one_by_one(field, text.take(pa.array(rest)), read_number))
    return values, bad


def flags(field: str, array: pa.Array) -> tuple[NDArray[np.int8], Bad]:
    """[n] int8: 1, 0, or −1 for not known."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    values, bad = numbers(field, array)
    values = np.where(np.isnan(values), -1.0, values)
    bad = bad | ~np.isin(values, (-1.0, 0.0, 1.0))
    return np.where(bad, -1.0, values).astype(np.int8), bad


def times(field: str, array: pa.Array) -> tuple[NDArray[np.int64], Bad]:
    """[n] microseconds since 1970, MISSING_TIME where missing."""
    if pa.types.is_timestamp(array.type):
        wanted = pc.CastOptions(pa.timestamp("us", array.type.tz), allow_time_truncate=True)
        try:
            instants = pc.cast(array, options=wanted)
            return _integers(instants), np.zeros(len(array), bool)
        except pa.ArrowInvalid:  # beyond what microseconds can hold
            return _one_time_by_one(field, array)
    text = None if pa.types.is_integer(array.type) else as_text(array)
    if text is None:
        return _one_time_by_one(field, array)
    cut = pc.replace_substring_regex(text, _FINER_THAN_MICROSECONDS, r"\1")
    plain, zoned = _matches(cut, _PLAIN_TIME), _matches(cut, _ZONED_TIME)
    values, bad = np.full(len(array), MISSING_TIME), np.zeros(len(array), bool)
    values[plain] = _integers(cut.filter(pa.array(plain)).cast(pa.timestamp("us")))
    values[zoned] = _integers(cut.filter(pa.array(zoned)).cast(pa.timestamp("us", "UTC")))
    rest = np.flatnonzero(~plain & ~zoned & ~_is_null(text))
    values[rest], bad[rest] = _one_time_by_one(field, text.take(pa.array(rest)))
    return values, bad


def value_at(array: pa.Array, row: int) -> object:
    """One value as a Python object; a marker text where Python has no such value."""
    try:
        return array[row].as_py()
    except (ValueError, OverflowError):  # bytes that are not UTF-8, instants outside the calendar
        return b"(unreadable)"


def _values(array: pa.Array) -> list[object]:
    try:
        values: list[object] = array.to_pylist()
    except (ValueError, OverflowError):
        values = [value_at(array, row) for row in range(len(array))]
    return values


def _one_by_one(field: str, array: pa.Array, read: Reader) -> tuple[NDArray[np.object_], Bad]:
    values, bad = np.full(len(array), None, object), np.zeros(len(array), bool)
    for row, value in enumerate(_values(array)):
        try:
            values[row] = read(field, value)
        except RecordError:
            bad[row] = True
    return values, bad


def _one_time_by_one(field: str, array: pa.Array) -> tuple[NDArray[np.int64], Bad]:
    values, bad = _one_by_one(field, array, read_time)
    found = [MISSING_TIME if value is None else to_micros(value) for value in values]
    return np.array(found, np.int64), bad


def _floats(values: NDArray[np.object_], bad: Bad) -> tuple[NDArray[np.float64], Bad]:
    return np.array([np.nan if value is None else value for value in values], np.float64), bad


def _integers(instants: pa.Array) -> NDArray[np.int64]:
    """[n] the numbers behind timestamps, MISSING_TIME for null."""
    found: NDArray[np.int64] = instants.cast(pa.int64()).fill_null(MISSING_TIME).to_numpy()
    return found


def _matches(text: pa.Array, pattern: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (
        pc.match_substring_regex(text, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    )
    return found


def _is_null(array: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = array.is_null().to_numpy(zero_copy_only=False)
    return found
