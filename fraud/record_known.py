"""Which transaction ids a SQLite record holds, in the writer's memory: 8 bytes each.

SQLite has one writer at a time. Each write begins, under the write lock, by learning the batches that were added since
the last one, its own or another process's, and so knows every id that is on record. Only committed batches are learnt,
so a write that fails leaves nothing to take back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select

from fraud.record_tables import batches

__all__ = ["KnownIds"]

LARGEST_RUN = 1 << 20
BATCHES_AT_ONCE = 4_096

FOLLOWING = (
    select(batches.c.batch_id, batches.c.id_hashes)
    .where(batches.c.batch_id > bindparam("newest"))
    .order_by(batches.c.batch_id)
    .limit(BATCHES_AT_ONCE)
)


class KnownIds:
    """Hashes of all ids on record, in sorted runs that double in length up to ``LARGEST_RUN``."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.int64]] = []
        self._newest_batch = 0

    def catch_up(self, connection: Connection) -> None:
        """Learn what was committed since the last call; to be called under the write lock."""
        while True:
            found = connection.execute(FOLLOWING, {"newest": self._newest_batch}).all()
            if found:
                self.add(np.frombuffer(b"".join(row.id_hashes for row in found), "<i8"))
                self._newest_batch = found[-1].batch_id
            if len(found) < BATCHES_AT_ONCE:
                return

    def add(self, hashes: NDArray[np.int64]) -> None:
        """Take in hashes of ids that are on record."""
        for start in range(0, len(hashes), LARGEST_RUN):
            run = np.sort(hashes[start : start + LARGEST_RUN])
            while self._runs and len(self._runs[-1]) <= len(run) and len(run) < LARGEST_RUN:
                run = np.sort(np.concatenate((self._runs.pop(), run)))
            self._runs.append(run)

    def may_hold(self, hashes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each hash is that of an id on record, or of another id that shares it."""
        held = np.zeros(len(hashes), dtype=np.bool_)
        for run in self._runs:
            at = np.searchsorted(run, hashes)
            at[at == len(run)] = 0
            held |= run[at] == hashes
        return held
