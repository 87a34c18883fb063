"""Pickled DataFrames of others, read without running them.

A pickle is a program that calls what it names. Here every name it may use stands for an inert record of the arguments,
never for the function itself, and any other name is refused; the table is then put together from these records with
nothing but plain types. (Calling even numpy's own constructors is not safe: they take raw addresses for objects.) That
also makes the reader independent of versions: tables pickled by pandas 1 and 2 are read.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import check_file
from fraud.errors import InputError

__all__ = ["read_pickled_frame"]

_TABLE = "DataFrame"
_NAMES = {
    ("numpy", "dtype"): "dtype",
    ("numpy", "ndarray"): "ndarray",
    ("numpy.core.multiarray", "_reconstruct"): "array",
    ("numpy._core.multiarray", "_reconstruct"): "array",
    ("numpy.core.numeric", "_frombuffer"): "array from buffer",
    ("numpy._core.numeric", "_frombuffer"): "array from buffer",
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): "wrapped array",
    ("pandas._libs.internals", "_unpickle_block"): "block",
    ("pandas.core.arrays.datetimes", "DatetimeArray"): "DatetimeArray",
    ("pandas.core.frame", "DataFrame"): _TABLE,
    ("pandas.core.indexes.base", "Index"): "Index",
    ("pandas.core.indexes.base", "_new_Index"): "new index",
    ("pandas.core.indexes.numeric", "Int64Index"): "Index",
    ("pandas.core.indexes.range", "RangeIndex"): "RangeIndex",
    ("pandas.core.internals.managers", "BlockManager"): "BlockManager",
}
_LAYOUTS = frozenset(
    {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "M8[s]", "M8[ms]", "M8[us]", "M8[ns]"}
)
_OBJECT_DTYPES = frozenset({"O", "O8"})
_OLD_BLOCKS = "0.14.1"
"""Version of the manager's state that pandas 1 writes."""


class _Record:
    """What the pickle called, with what arguments, and the state it set afterwards."""

    kind = ""

    def __new__(cls, *args: Any) -> Self:
        record = super().__new__(cls)
        record.args = args
        record.state = None
        return record

    def __init__(self, *args: Any) -> None:
        self.args: tuple[Any, ...]
        self.state: Any

    def __setstate__(self, state: object) -> None:
        self.state = state


_RECORDS = {kind: type(f"_{kind}", (_Record,), {"kind": kind}) for kind in set(_NAMES.values())}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) == ("builtins", "slice"):
            return slice
        kind = _NAMES.get((module, name))
        if kind is None:
            raise InputError(
                f"the pickle names {module}.{name}, which no table needs; do not trust its sender"
            )
        return _RECORDS[kind]


def read_pickled_frame(path: Path) -> pd.DataFrame:
    """Reads one pickled DataFrame of numbers, naive times and plain objects; its index is dropped.

    Raises InputError for a damaged pickle and for one that holds anything else.
    """
    check_file(path)
    try:
        found = _Unpickler(io.BytesIO(path.read_bytes())).load()
        return _frame(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except Exception as error:  # the opcodes of a damaged pickle may fail in any way
        raise InputError(f"{path}: is no readable pickle ({type(error).__name__}); fetch it again") from error


def _frame(found: object) -> pd.DataFrame:
    if _kind(found) != _TABLE:
        raise InputError(f"holds a {_kind(found) or type(found).__name__}, not a table")
    state = found.state  # type: ignore[attr-defined]
    manager = state["_mgr"] if "_mgr" in state else state["_data"]
    axes, blocks = _manager_parts(manager)
    names = [str(name) for name in _index_values(axes[0])]
    columns: dict[int, NDArray[Any]] = {}
    for values, placement in blocks:
        array = _array(values)
        for row, place in zip(array, np.arange(len(names))[placement], strict=True):
            columns[int(place)] = row
    if sorted(columns) != list(range(len(names))) or len(set(names)) < len(names):
        raise InputError("the pickled table lacks a column or has one twice")
    return pd.DataFrame({name: columns[place] for place, name in enumerate(names)})


def _manager_parts(manager: _Record) -> tuple[list[_Record], list[tuple[Any, Any]]]:
    """The axes, and each block's values with the places of its columns."""
    if manager.args:  # pandas 2
        blocks, axes = manager.args
        return list(axes), [(block.args[0], _placement(block.args[1])) for block in blocks]
    state = manager.state[3][_OLD_BLOCKS]
    return list(state["axes"]), [
        (block["values"], _placement(block["mgr_locs"])) for block in state["blocks"]
    ]


def _placement(found: object) -> Any:
    return found if isinstance(found, slice) else _array(found)


def _index_values(index: _Record) -> NDArray[Any]:
    _, arguments = index.args
    return _array(arguments["data"])


def _array(found: object) -> NDArray[Any]:
    kind = _kind(found)
    if kind == "array":
        _, shape, dtype, is_fortran, data = found.state  # type: ignore[attr-defined]
        return _fill(data, _dtype(dtype), shape, "F" if is_fortran else "C")
    if kind == "array from buffer":
        data, dtype, shape, order = found.args  # type: ignore[attr-defined]
        return _fill(data, _dtype(dtype), shape, order)
    if kind == "wrapped array":
        state = found.state or found.args[-1]  # type: ignore[attr-defined]
        inner = next(part for part in state if (_kind(part) or "").startswith("array"))
        return _array(inner)
    raise InputError(f"the pickled table holds a {kind or type(found).__name__} where its values should be")


def _fill(data: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    if not dtype.hasobject:
        return np.frombuffer(bytes(data), dtype).reshape(shape, order=order)
    if not all(value is None or type(value) in (str, int, float, bool) for value in data):
        raise InputError("the pickled table holds objects other than texts and numbers")
    values = np.empty(len(data), object)
    values[:] = data
    return values.reshape(shape, order=order)


def _dtype(found: object) -> np.dtype[Any]:
    if _kind(found) != "dtype":
        raise InputError("the pickled table holds values of no known type")
    code = found.args[0]  # type: ignore[attr-defined]
    state = found.state  # type: ignore[attr-defined]
    if code in _OBJECT_DTYPES:
        return np.dtype(object)
    endian = ">" if state is not None and state[1] == ">" else "<"
    layout = code
    if code == "M8":
        unit, count = state[8][1][:2]
        unit = unit.decode("ascii") if isinstance(unit, bytes) else unit
        layout = f"M8[{unit}]" if count == 1 else None
    if layout not in _LAYOUTS:
        raise InputError(f"the pickled table holds values of type {str(code)[:20]!r}, which are not read")
    dtype: np.dtype[Any] = np.dtype(endian + layout)
    return dtype


def _kind(found: object) -> str | None:
    return found.kind if isinstance(found, _Record) else None
