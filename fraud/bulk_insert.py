"""Many rows into one table at once: what each database takes fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

__all__ = ["bulk_insert"]

POSTGRES_TYPES = {
    "BIGINT": "int8",
    "INTEGER": "int4",
    "FLOAT": "float8",
    "VARCHAR": "text",
    "TEXT": "text",
    "BYTEA": "bytea",
}


def bulk_insert(connection: Connection, into: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose values stand in the order of the table's columns, as the database holds them.

    Values skip SQLAlchemy's types: moments are microseconds already. Raises SQLAlchemy's errors, as its own inserts do.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
    else:
        marks = ",".join("?" * len(into.c))
        connection.exec_driver_sql(f"INSERT INTO {into.name} VALUES ({marks})", list(rows))  # noqa: S608


def _copy(connection: Connection, into: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """PostgreSQL's binary COPY, its errors in the form that SQLAlchemy gives those of its own statements."""
    dialect, driver = connection.dialect, connection.connection.driver_connection
    types = [POSTGRES_TYPES[str(column.type.compile(dialect)).split("(")[0].split()[0]] for column in into.c]
    statement = f"COPY {into.name} ({','.join(into.c.keys())}) FROM STDIN (FORMAT BINARY)"
    base = dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[union-attr]
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except base as error:
        raise DBAPIError.instance(statement, None, error, base, dialect=dialect) from error
