"""How far in its source the record has come, written with what was made from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Executable, Table

from fraud.database import upsert_in
from fraud.record_rows import SavedState
from fraud.record_tables import positions, states

__all__ = ["advance", "keep_state"]


def advance(connection: Connection, reached: Mapping[str, int]) -> None:
    """Note how far streams have been written; a lower position than the one on record is ignored."""
    if reached:
        rows = [{"stream": stream, "position": position} for stream, position in sorted(reached.items())]
        _keep_newest(connection, positions, rows)


def keep_state(connection: Connection, state: SavedState) -> None:
    """Put a state in place of the one of its name, unless that one has come further."""
    _keep_newest(connection, states, [{"name": state.name, "position": state.position, "body": state.body}])


def _keep_newest(connection: Connection, into: Table, rows: list[dict[str, object]]) -> None:
    connection.execute(_newest(connection.dialect.name, into), rows)


@cache
def _newest(dialect: str, into: Table) -> Executable:
    statement = upsert_in(dialect, into)
    (key,) = into.primary_key
    values = {column.name: statement.excluded[column.name] for column in into.c if column is not key}
    newer = statement.excluded.position >= into.c.position
    return statement.on_conflict_do_update(index_elements=[key], set_=values, where=newer)
