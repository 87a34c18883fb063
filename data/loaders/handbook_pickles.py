"""The daily pickles of the Fraud Detection Handbook as one table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data.blocks import Block
from data.dead_letters import DeadLetterFile
from data.loaders.pickled_frame import read_pickled_frame
from fraud.errors import InputError

__all__ = ["PickleFolder"]


class PickleFolder:
    """A folder of pickled tables in the order of their names, or one of them; see ``data.blocks.TableFile``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = sorted(path.glob("*.pkl")) if path.is_dir() else [path]
        if not self._files:
            raise InputError(f"{path}: holds no .pkl file; name the folder of the daily pickles")
        self.size = len(self._files)
        self.names: Sequence[str] = list(read_pickled_frame(self._files[0]).columns)

    def blocks(self, wanted: Collection[str], letters: DeadLetterFile) -> Iterator[Block]:
        """Columns in the types of the tables; rows are numbered from 1 through all files."""
        done = 0
        for path in self._files:
            frame = read_pickled_frame(path)
            lacking = [name for name in wanted if name not in frame.columns]
            if lacking:
                raise InputError(f"{path}: lacks the column {lacking[0]!r} that the first file has")
            arrays = {name: _to_arrow(frame[name]) for name in wanted}
            rows = np.arange(done + 1, done + 1 + len(frame))
            done += len(frame)
            yield Block(pa.table(arrays), rows, 1)


def _to_arrow(column: pd.Series[Any]) -> pa.Array:
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowException, OverflowError):
        # Values of several types in one column: as texts they are read all the same.
        return pa.array([None if pd.isna(value) else str(value) for value in column], pa.string())
