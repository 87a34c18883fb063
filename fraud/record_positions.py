"""How far in its source the record has come, written with what was made from it."""

from __future__ import annotations

from sqlalchemy import Connection, Table

from fraud.database import upsert
from fraud.record_rows import SavedState
from fraud.record_tables import positions, states

__all__ = ["advance", "keep_state"]


def advance(connection: Connection, stream: str, position: int) -> None:
    """Note that a stream has been written up to ``position``; a lower position than the one on record is ignored."""
    _keep_newest(connection, positions, {"stream": stream, "position": position})


def keep_state(connection: Connection, state: SavedState) -> None:
    """Put a state in place of the one of its name, unless that one has come further."""
    _keep_newest(connection, states, {"name": state.name, "position": state.position, "body": state.body})


def _keep_newest(connection: Connection, into: Table, row: dict[str, object]) -> None:
    statement = upsert(connection, into)
    (key,) = into.primary_key
    values = {column.name: statement.excluded[column.name] for column in into.c if column is not key}
    newer = statement.excluded.position >= into.c.position
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=values, where=newer), row)
