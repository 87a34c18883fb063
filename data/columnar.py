"""Parquet files as blocks of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.blocks import Block, check_file
from data.dead_letters import DeadLetterFile
from fraud.errors import InputError

__all__ = ["ParquetTable"]

_BLOCK_ROWS = 131_072


class ParquetTable:
    """A Parquet file; see ``data.blocks.TableFile``. InputError where it is missing, damaged or something else."""

    def __init__(self, path: Path) -> None:
        check_file(path)
        self.path = path
        try:
            with pq.ParquetFile(path) as file:
                self.names: Sequence[str] = list(file.schema_arrow.names)
                self.size = file.metadata.num_rows
        except (pa.ArrowException, OSError):
            raise InputError(f"{path}: is not a Parquet file, or a damaged one; write it again") from None
        if len(set(self.names)) < len(self.names):
            raise InputError(f"{path}: two columns have the same name; rename one")

    def blocks(self, wanted: Collection[str], letters: DeadLetterFile) -> Iterator[Block]:
        """Columns in the types of the file; rows are numbered from 1."""
        columns = [name for name in self.names if name in wanted]
        done = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_BLOCK_ROWS, columns=columns, use_threads=False):
                    rows = np.arange(done + 1, done + 1 + batch.num_rows)
                    done += batch.num_rows
                    yield Block(pa.Table.from_batches([batch]), rows, batch.num_rows)
        except (pa.ArrowException, OSError):
            raise InputError(
                f"{self.path}: the Parquet data is damaged after row {done}; write it again"
            ) from None
