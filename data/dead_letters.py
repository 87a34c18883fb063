"""Dead letters of a file: one JSON line a refused row, with row number and reason.

The rows themselves stay in their file; a letter holds no personal value in clear (reasons come masked).
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from fraud.dead_letter import DeadLetter
from fraud.errors import RecordError
from fraud.settings import Settings
from fraud.write_aside import write_aside

__all__ = ["DeadLetterFile", "default_target", "read_dead_letters"]

_SUFFIX = ".dead-letters.jsonl"


def default_target(source: Path) -> Path:
    """Where the dead letters of a file go: next to it, or into the home folder where that cannot be written."""
    name = source.name + _SUFFIX
    if os.access(source.parent, os.W_OK):
        return source.parent / name
    return Settings.load().home / "dead-letters" / name


def read_dead_letters(path: Path) -> list[DeadLetter]:
    """Reads a file that ``DeadLetterFile`` wrote."""
    return [msgspec.json.decode(line, type=DeadLetter) for line in path.read_bytes().splitlines()]


class DeadLetterFile:
    """Collects the refused rows of one source; a context, at whose end ``target`` is there whole.

    ``position`` in a letter is the row number: the line in a text file (its header is line 1), else the row counted
    from 1. Without any letter there is no file, and one of an earlier run is removed.
    """

    def __init__(self, source: Path, target: Path | None = None) -> None:
        self.source = source
        self.target = target or default_target(source)
        self.count = 0
        self.first: str | None = None
        self._fields: Counter[str] = Counter()
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()

    def add(self, row: int, error: RecordError) -> None:
        """Adds one refused row."""
        if self._file is None:
            aside = self._stack.enter_context(write_aside(self.target))
            self._file = self._stack.enter_context(aside.open("wb"))
        letter = DeadLetter(source=str(self.source), position=row, field=error.field, reason=error.reason)
        self._file.write(self._encoder.encode(letter) + b"\n")
        self._fields[error.field] += 1
        self.count += 1
        self.first = self.first or f"row {row}: {error}"

    def summary(self) -> str:
        """The three fields most often at fault, as in ``amount 12, event_time 3``."""
        return ", ".join(f"{field} {count:,}" for field, count in self._fields.most_common(3))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)
        if kind is None and not self.count:
            self.target.unlink(missing_ok=True)
