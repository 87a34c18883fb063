"""What the loaders of public files share: open, check the header, admit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pandas as pd

from data.admission import Columns, Proposal, ReadOptions, admit_file
from data.blocks import Block, TableFile
from data.canonical import open_table
from data.source_block import SourceBlock, check_columns

__all__ = ["admit_source", "load_table"]


def load_table(
    source: str,
    path: Path,
    needed: Collection[str],
    convert: Callable[[SourceBlock], Columns],
    options: ReadOptions | None,
    *,
    personal: Collection[str] = (),
) -> pd.DataFrame:
    """Reads a CSV or Parquet file of a source whose columns ``convert`` turns into canonical ones."""
    return admit_source(source, open_table(path), needed, convert, options, personal=personal)


def admit_source(
    source: str,
    file: TableFile,
    needed: Collection[str],
    convert: Callable[[SourceBlock], Columns],
    options: ReadOptions | None,
    *,
    personal: Collection[str] = (),
) -> pd.DataFrame:
    """Checks that an open file has the columns ``needed`` and admits its rows. Raises InputError if it has not."""
    check_columns(file, needed, source)

    def propose(block: Block) -> Proposal:
        rows = SourceBlock(block, personal=personal)
        return rows.propose(convert(rows))

    return admit_file(file, tuple(needed), propose, options or ReadOptions())
