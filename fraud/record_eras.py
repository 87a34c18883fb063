"""Which stretch of the index of names a batch goes into.

The names of a batch lie all over its era, so on SQLite a commit of ten transactions writes some sixty pages anew. Small
batches therefore go into a *young* era of a few pages first, and when that is full its names move into the era before
it, all at once. Readers know eras alone: whether one is young they need not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from fraud.record_tables import eras, mentions

__all__ = ["Extent", "era_of"]

ERA_TRANSACTIONS = 16_384
"""Transactions of an era, about: few enough for its part of the index to stay in memory while it is written."""

YOUNG_TRANSACTIONS = 512
"""Of a young one: more make each commit dearer, fewer make it move more often."""

# Made once: to build a statement anew costs more than to carry it out.
NEWEST = (
    select(eras.c.era, eras.c.transactions, eras.c.earliest, eras.c.latest)
    .where(eras.c.stream == bindparam("stream"))
    .order_by(eras.c.era.desc())
    .limit(2)
)
NEW = insert(eras)
GROW = update(eras).where(eras.c.era == bindparam("grown"))
END = delete(eras).where(eras.c.era == bindparam("ended"))
MOVE = insert(mentions).from_select(
    ["era", "name_hash", "row_id"],
    select(bindparam("into", type_=mentions.c.era.type), mentions.c.name_hash, mentions.c.row_id)
    .where(mentions.c.era == bindparam("moved"))
    .order_by(mentions.c.name_hash, mentions.c.row_id),
)
FORGET = delete(mentions).where(mentions.c.era == bindparam("moved"))


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


def era_of(connection: Connection, stream: str, batch_id: int, batch: Extent) -> int:
    """The stream's era that a batch of at least one transaction goes into, made or grown by it."""
    most = YOUNG_TRANSACTIONS if connection.dialect.name == "sqlite" else 0
    newest = [(row.era, Extent(*row[1:])) for row in connection.execute(NEWEST, {"stream": stream})]
    young = newest.pop(0) if newest and newest[0][1].transactions <= most else None
    grown = newest[0] if newest else None
    if young is not None and young[1].transactions + batch.transactions > most:
        if grown is not None and grown[1].transactions < ERA_TRANSACTIONS:
            _move(connection, young[0], grown[0])
            grown = _grow(connection, grown, young[1])
        else:
            grown = young
        young = None
    into = young
    if (
        young is None
        and batch.transactions > most // 2
        and grown
        and grown[1].transactions < ERA_TRANSACTIONS
    ):
        into = grown
    if into is not None:
        return _grow(connection, into, batch)[0]
    connection.execute(NEW, {"era": batch_id, "stream": stream, **batch._asdict()})
    return batch_id


def _grow(connection: Connection, era: tuple[int, Extent], by: Extent) -> tuple[int, Extent]:
    extent = era[1].with_(by)
    connection.execute(GROW, {"grown": era[0], **extent._asdict()})
    return era[0], extent


def _move(connection: Connection, young: int, into: int) -> None:
    connection.execute(MOVE, {"into": into, "moved": young})
    connection.execute(FORGET, {"moved": young})
    connection.execute(END, {"ended": young})
