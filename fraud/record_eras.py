"""Stretches of a stream, each with a part of the index of names to itself.

The newest era of a stream is open: each batch adds its names as they come (``fraud.record_names``). When it is full it
is sealed, which takes longer than a batch does, and when too many small parts have come they are joined; so whoever has
time between two batches does either a little early (``make_room``).
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from fraud import record_names
from fraud.record_tables import eras

__all__ = ["Era", "Extent", "make_room", "open_era"]

ERA_TRANSACTIONS = 16_384
"""Transactions of an era, about: its parts are read whole for as long as it is open."""

MOST_PARTS = 64
"""Parts of an open era: more make looking a name up dearer, fewer make them be joined more often."""

CROWDED = 0.75
"""Share of either from which on room is made where nobody waits for it."""

# Made once: to build a statement anew costs more than to carry it out.
NEWEST = (
    select(eras.c.era, eras.c.parts, eras.c.transactions, eras.c.earliest, eras.c.latest)
    .where(eras.c.stream == bindparam("stream"))
    .order_by(eras.c.era.desc())
    .limit(1)
)
NEW = insert(eras)
GROW = update(eras).where(eras.c.era == bindparam("grown"))


class Extent(NamedTuple):
    """How many transactions, and the bounds of their event times."""

    transactions: int
    earliest: datetime
    latest: datetime

    def with_(self, other: Extent) -> Extent:
        """Both together."""
        return Extent(
            self.transactions + other.transactions,
            min(self.earliest, other.earliest),
            max(self.latest, other.latest),
        )


class Era(NamedTuple):
    """An open era."""

    era: int
    parts: int
    extent: Extent

    def is_full(self, share: float = 1.0) -> bool:
        """Whether its names are to be sorted."""
        return self.extent.transactions >= share * ERA_TRANSACTIONS

    def is_scattered(self, share: float = 1.0) -> bool:
        """Whether its parts are to be joined."""
        return self.parts >= max(2, share * MOST_PARTS)


def open_era(connection: Connection, stream: str, batch_id: int, batch: Extent) -> Era:
    """The stream's open era, grown by a batch of at least one transaction, or a new one that the batch begins."""
    newest = _newest(connection, stream)
    if newest is None:
        era = Era(batch_id, 1, batch)
        connection.execute(NEW, {"era": era.era, "stream": stream, "parts": 1, **batch._asdict()})
    else:
        era = Era(newest.era, newest.parts + 1, newest.extent.with_(batch))
        connection.execute(GROW, {"grown": era.era, "parts": era.parts, **era.extent._asdict()})
    return era


def make_room(connection: Connection, stream: str) -> None:
    """Seal the stream's open era, or join its parts, where it is crowded."""
    era = _newest(connection, stream)
    if era is None:
        return
    if era.is_full(CROWDED):
        record_names.seal(connection, era.era)
        parts = 0
    elif era.is_scattered(CROWDED):
        parts = record_names.join_parts(connection, era.era)
    else:
        return
    connection.execute(GROW, {"grown": era.era, "parts": parts})


def _newest(connection: Connection, stream: str) -> Era | None:
    """The stream's newest era unless it is sealed."""
    row = connection.execute(NEWEST, {"stream": stream}).first()
    return None if row is None or not row.parts else Era(row.era, row.parts, Extent(*row[2:]))
