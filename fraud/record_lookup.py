"""Finds rows of the record by the names in them, era by era."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from fraud.database import portions
from fraud.record_hashes import id_hashes, id_name_hashes
from fraud.record_names import rows_naming
from fraud.record_tables import eras, transactions

__all__ = ["doubling", "eras_within", "row_ids"]

FIRST_ERAS = 4
MOST_ERAS = 512


def row_ids(
    connection: Connection,
    transaction_ids: Iterable[str],
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, int]:
    """Row ids by transaction id, for those on record; the more recent they are, the sooner they are found.

    Where it is known between which event times they lie, both included, no other era is looked into.
    """
    if connection.dialect.name == "postgresql":
        return _row_ids_by_index(connection, transaction_ids)
    newest_first = [row.era for row in connection.execute(eras_within(since, until))]
    found: dict[str, int] = {}
    for some in portions(transaction_ids):
        found.update(_row_ids_by_era(connection, some, newest_first))
    return found


def _row_ids_by_index(connection: Connection, transaction_ids: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    column = transactions.c
    for some in portions(transaction_ids):
        query = select(column.transaction_id, column.row_id).where(column.transaction_id.in_(some))
        found.update((row.transaction_id, row.row_id) for row in connection.execute(query))
    return found


def _row_ids_by_era(connection: Connection, ids: list[str], newest_first: Sequence[int]) -> dict[str, int]:
    wanted = set(ids)
    found: dict[str, int] = {}
    hashes = id_name_hashes(id_hashes(ids))
    column = transactions.c
    for some in doubling(newest_first):
        for rows in portions(rows_naming(connection, hashes, some)):
            query = select(column.transaction_id, column.row_id).where(column.row_id.in_(rows))
            found.update(
                (row.transaction_id, row.row_id)
                for row in connection.execute(query)
                if row.transaction_id in wanted
            )
        if len(found) == len(wanted):
            break
    return found


def eras_within(since: datetime | None, until: datetime | None) -> Select[Any]:
    """Eras that reach into a window, both ends included, by their latest event, the newest first."""
    query = select(eras.c.era, eras.c.latest).order_by(eras.c.latest.desc())
    if since is not None:
        query = query.where(eras.c.latest >= since)
    if until is not None:
        query = query.where(eras.c.earliest <= until)
    return query


def doubling(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values in portions that grow, so that what lies near the front is found with little work."""
    start, size = 0, FIRST_ERAS
    while start < len(values):
        yield values[start : start + size]
        start += size
        size = min(2 * size, MOST_ERAS)
