"""Files as blocks of rows: what text and Parquet files have in common on their way in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.dead_letters import DeadLetterFile
from fraud.errors import InputError

__all__ = ["Block", "TableFile", "check_file"]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a file as they were read, before any rule."""

    table: pa.Table
    """The wanted columns, each a single array of any type."""
    rows: NDArray[np.int64]
    """[n] row numbers for messages."""
    size: int
    """How much of the file's ``size`` it took."""


class TableFile(Protocol):
    """A file with named columns."""

    path: Path
    names: Sequence[str]
    size: int
    """In units of its own, for progress."""

    def blocks(self, wanted: Collection[str], letters: DeadLetterFile) -> Iterator[Block]:
        """Reads the wanted columns (those it has), in file order; rows that are none go to the dead letters."""


def check_file(path: Path) -> None:
    """Raises InputError unless there is a file with something in it."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if size == 0:
        raise InputError(f"{path}: is empty; give a file with transactions")
