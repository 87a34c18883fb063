"""Which stretch of the index of names a batch goes into.

The names of a batch lie all over its era, so on SQLite a commit of ten transactions writes some sixty pages anew. Small
batches therefore go into a *young* era of a few pages first, and when that is full its names move into the era before
it, all at once. That takes longer than the batch itself, so whoever has time between two batches does it a little early
(``make_room``). Readers know eras alone: whether one is young they need not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypeGuard

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from fraud.record_tables import eras, mentions

__all__ = ["Extent", "Place", "make_room", "place_of"]

ERA_TRANSACTIONS = 16_384
"""Transactions of an era, about: few enough for its part of the index to stay in memory while it is written."""

YOUNG_TRANSACTIONS = 512
"""Of a young one: more make each commit dearer, fewer make it move more often."""
CROWDED = 0.75
"""Share of them from which on a young era is moved where nobody waits for it."""

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


class Place(NamedTuple):
    """Where the names of a batch go."""

    era: int
    is_crowded: bool
    """Whether ``make_room`` now would spare a later batch the moving."""


def place_of(connection: Connection, stream: str, batch_id: int, batch: Extent) -> Place:
    """The stream's era that a batch of at least one transaction goes into, made or grown by it."""
    most = _most_young(connection)
    young, grown = _newest(connection, stream)
    if young is not None and young.extent.transactions + batch.transactions > most:
        grown = _close(connection, young, grown) or young
        young = None
    into = young
    if young is None and batch.transactions > most // 2 and _has_room(grown):
        into = grown
    if into is None:
        connection.execute(NEW, {"era": batch_id, "stream": stream, **batch._asdict()})
        into = _Era(batch_id, batch)
    else:
        into = _grow(connection, into, batch)
    is_crowded = CROWDED * most < into.extent.transactions <= most
    return Place(into.era, is_crowded and _has_room(grown))


def make_room(connection: Connection, stream: str) -> None:
    """Move the stream's young era into the one before it where little room is left in it."""
    young, grown = _newest(connection, stream)
    if young is not None and young.extent.transactions > CROWDED * _most_young(connection):
        _close(connection, young, grown)


class _Era(NamedTuple):
    era: int
    extent: Extent


def _most_young(connection: Connection) -> int:
    return YOUNG_TRANSACTIONS if connection.dialect.name == "sqlite" else 0


def _newest(connection: Connection, stream: str) -> tuple[_Era | None, _Era | None]:
    """The stream's young era, and the newest one that is none."""
    newest = [_Era(row.era, Extent(*row[1:])) for row in connection.execute(NEWEST, {"stream": stream})]
    is_young = bool(newest) and newest[0].extent.transactions <= _most_young(connection)
    young = newest.pop(0) if is_young else None
    return young, newest[0] if newest else None


def _has_room(grown: _Era | None) -> TypeGuard[_Era]:
    return grown is not None and grown.extent.transactions < ERA_TRANSACTIONS


def _close(connection: Connection, young: _Era, grown: _Era | None) -> _Era | None:
    """Move a young era into a grown one that has room, and give that; else it stays, to be one of the grown itself."""
    if not _has_room(grown):
        return None
    _move(connection, young.era, grown.era)
    return _grow(connection, grown, young.extent)


def _grow(connection: Connection, era: _Era, by: Extent) -> _Era:
    extent = era.extent.with_(by)
    connection.execute(GROW, {"grown": era.era, **extent._asdict()})
    return _Era(era.era, extent)


def _move(connection: Connection, young: int, into: int) -> None:
    connection.execute(MOVE, {"into": into, "moved": young})
    connection.execute(FORGET, {"moved": young})
    connection.execute(END, {"ended": young})
