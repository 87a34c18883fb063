"""Dead letters: records that were refused, kept with the reason so that nothing vanishes."""

from __future__ import annotations

import msgspec

__all__ = ["DeadLetter"]


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused record.

    ``source`` and ``position`` say where it stood (file and row, topic-partition and offset) and together
    name it: the same record refused twice is one dead letter. ``field`` and ``reason`` come from the
    RecordError; ``payload`` is the record as received, personal values masked by whoever refused it.
    """

    source: str
    position: int
    field: str
    reason: str
    payload: str = ""
