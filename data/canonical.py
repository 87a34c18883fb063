"""Canonical transaction files: read into a checked table, written whole or not at all.

In memory a canonical table is a DataFrame with all of ``CANONICAL_COLUMNS``, sorted by event_time: texts as object (str
or None), times as datetime64[us, UTC], numbers as float64 (NaN where missing), flags as int8 (−1 where not known).
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from gzip import GzipFile
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from data.admission import Proposal, ReadOptions, admit_file
from data.blocks import Block, TableFile
from data.columnar import ParquetTable
from data.delimited import DelimitedFile
from fraud.errors import InputError
from fraud.fields import CANONICAL_COLUMNS, COLUMNS
from fraud.write_aside import write_aside

__all__ = ["SCHEMA", "open_table", "read_transactions", "to_table", "write_transactions"]

log = logging.getLogger(__name__)

_ARROW_TYPES = {
    "text": pa.string(),
    "time": pa.timestamp("us", "UTC"),
    "number": pa.float64(),
    "flag": pa.int8(),
}

SCHEMA = pa.schema([pa.field(column.name, _ARROW_TYPES[column.kind]) for column in COLUMNS])
"""Arrow schema of a canonical file; flags not known are null."""

_GZIP_LEVEL = 4

_REQUIRED = tuple(column.name for column in COLUMNS if column.required)
_PAYEES = ("merchant_id", "counterparty_id")

_OTHER_NAMES = {
    "transaction_id": ("id", "trans_num", "tx_id", "txn_id"),
    "event_time": ("timestamp", "datetime", "tx_datetime", "date", "time", "trans_date_trans_time", "step"),
    "account_id": (
        "account",
        "customer",
        "customer_id",
        "card",
        "card_number",
        "cc_num",
        "user",
        "nameorig",
        "sender",
    ),
    "amount": ("amt", "tx_amount", "value", "amount_paid"),
    "merchant_id": ("merchant", "terminal_id", "merchant_name", "shop"),
    "counterparty_id": ("beneficiary", "receiver", "namedest", "target", "payee"),
}


def open_table(path: Path) -> TableFile:
    """Opens a .csv, .csv.gz or .parquet file by its name. Raises InputError for any other."""
    if path.name.endswith((".csv", ".csv.gz")):
        return DelimitedFile(path)
    if path.suffix == ".parquet":
        return ParquetTable(path)
    raise InputError(f"{path}: the name must end in .csv, .csv.gz or .parquet")


def read_transactions(path: Path | str, options: ReadOptions | None = None) -> pd.DataFrame:
    """Reads a canonical file into a canonical table; bad rows go to a dead-letter file, good ones go on.

    Without ``options`` the defaults of ``ReadOptions`` hold. Raises InputError when the file cannot be read as what
    it is named, lacks a required column, or has no good row.
    """
    file = open_table(Path(path))
    _check_columns(file)
    return admit_file(file, CANONICAL_COLUMNS, _as_it_is, options or ReadOptions())


def write_transactions(frame: pd.DataFrame, path: Path | str) -> None:
    """Writes a canonical table as .csv, .csv.gz or .parquet, by the name; the file appears whole or not at all."""
    path = Path(path)
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise InputError(f"{path}: the name must end in .csv, .csv.gz or .parquet")
    table = to_table(frame)
    with write_aside(path) as aside:
        if path.suffix == ".parquet":
            pq.write_table(table, aside, compression="zstd")
        else:
            _write_csv(table, aside)


def to_table(frame: pd.DataFrame) -> pa.Table:
    """A canonical table as Arrow, in ``SCHEMA``."""
    arrays = []
    for column in COLUMNS:
        values = frame[column.name]
        missing = (values < 0).to_numpy() if column.kind == "flag" else None
        arrays.append(pa.Array.from_pandas(values, mask=missing, type=_ARROW_TYPES[column.kind]))
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _as_it_is(block: Block) -> Proposal:
    names = block.table.column_names
    return Proposal({name: block.table[name].combine_chunks() for name in names}, block.rows)


def _write_csv(table: pa.Table, path: Path) -> None:
    style = "needed" if _needs_quotes(table) else "none"
    with ExitStack() as stack:
        stream: BinaryIO | GzipFile = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            # Without name and time in it, equal tables make equal files.
            stream = stack.enter_context(GzipFile("", "wb", _GZIP_LEVEL, stream, mtime=0))
        stream.write((",".join(table.column_names) + "\n").encode())
        options = pacsv.WriteOptions(include_header=False, quoting_style=style)
        pacsv.write_csv(_with_times_as_text(table), stream, options)


def _needs_quotes(table: pa.Table) -> bool:
    """Arrow puts quotes around all texts or none; with none a file is smaller and far quicker to read."""
    texts = (table[column.name] for column in COLUMNS if column.kind == "text")
    return any(pc.any(pc.match_substring_regex(text, '[,"\\r\\n]')).as_py() for text in texts)


def _with_times_as_text(table: pa.Table) -> pa.Table:
    for position, column in enumerate(COLUMNS):
        if column.kind == "time":
            text = pc.strftime(table.column(position), "%Y-%m-%dT%H:%M:%SZ")
            table = table.set_column(position, column.name, text)
    return table


def _check_columns(file: TableFile) -> None:
    found = set(file.names)
    lacking = [name for name in _REQUIRED if name not in found]
    if not found.intersection(_PAYEES):
        lacking.append("merchant_id")
    if lacking:
        raise InputError(
            f"{file.path}: no column {', '.join(lacking)}; found {_listed(file.names)}; "
            f"name them in a mapping file: [columns] {_suggestion(lacking, file.names)}"
        )
    unknown = [name for name in file.names if name not in CANONICAL_COLUMNS]
    if unknown:
        log.warning("%s: columns ignored: %s", file.path, _listed(unknown))


def _listed(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(name[:40] for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def _suggestion(lacking: Sequence[str], found: Sequence[str]) -> str:
    """What the lacking columns may be called here, in the words of a mapping file."""
    by_plain_name = {name.lower().replace(" ", "_"): name for name in found}
    parts = []
    for name in lacking:
        candidates = [name, *_OTHER_NAMES[name]]
        known = [plain for plain in candidates if plain in by_plain_name]
        near = known or difflib.get_close_matches(name, by_plain_name, n=1, cutoff=0.75)
        parts.append(f'{name} = "{by_plain_name[near[0]] if near else "…"}"')
    return ", ".join(parts)
