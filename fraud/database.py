"""The database under the record: how it is opened, how it is written to, what its errors mean to us."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    TimeoutError,
)

from fraud import sqlite_driver
from fraud.errors import SettingsError, StoreError, StoreUnavailable

__all__ = [
    "AT_ONCE",
    "insert_new",
    "open_engine",
    "portions",
    "reading",
    "store_errors",
    "upsert",
    "upsert_in",
    "writing",
]

Value = TypeVar("Value")

PRAGMAS = {
    "busy_timeout": "60000",
    "page_size": "8192",
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": "-65536",
    "temp_store": "MEMORY",
    "wal_autocheckpoint": "4000",
}

AT_ONCE = 500
"""Values in one IN list: well under the limit of any database."""


def open_engine(url: str) -> Engine:
    """Connections to a SQLAlchemy address, SQLite or PostgreSQL; a SQLite file is made, for its owner only.

    Raises SettingsError for an address that can't be used, StoreError for a file that can't be made.
    """
    try:
        address = make_url(url)
        backend = address.get_backend_name()
        if backend == "sqlite" and address.database:
            _make_private_file(Path(address.database))
        options = {"module": sqlite_driver} if backend == "sqlite" else {"pool_pre_ping": True}
        engine = create_engine(address, **options)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            "RINGFENCE_DATABASE_URL: not an address such as sqlite:///file or postgresql+psycopg://…"
        ) from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"RINGFENCE_DATABASE_URL: the driver {error.name} is missing; pip install it"
        ) from error
    except OSError as error:
        raise StoreError(
            f"record: cannot make {address.database} ({error.strerror}); check the folder"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    elif backend != "postgresql":
        raise SettingsError(f"RINGFENCE_DATABASE_URL: {backend} is not supported; use sqlite or postgresql")
    return engine


def _make_private_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(connection: Any, _: object) -> None:
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """One transaction; SQLite takes its write lock at once, since one begun by a read cannot wait for it later."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield


@contextmanager
def reading(connection: Connection) -> Iterator[None]:
    """Several reads that see one state on SQLite, where each by itself would see what was committed meanwhile."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        yield


def upsert(connection: Connection, into: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT, in the dialect of the database."""
    return upsert_in(connection.dialect.name, into)


def upsert_in(dialect: str, into: Table) -> sqlite.Insert | postgresql.Insert:
    """The same for the dialect of a name, for statements that are made before there is a connection."""
    return postgresql.insert(into) if dialect == "postgresql" else sqlite.insert(into)


def insert_new(connection: Connection, into: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        connection.execute(_new_into(connection.dialect.name, into), rows)


@cache
def _new_into(dialect: str, into: Table) -> Executable:
    return upsert_in(dialect, into).on_conflict_do_nothing()


def portions(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists that any database takes as parameters of one statement."""
    everything = list(values)
    for start in range(0, len(everything), AT_ONCE):
        yield everything[start : start + AT_ONCE]


@contextmanager
def store_errors(act: str) -> Iterator[None]:
    """Turn the database library's errors into ours: unavailable (try again later) or refused for good."""
    try:
        yield
    except (OperationalError, InterfaceError, TimeoutError) as error:
        raise StoreUnavailable(
            f"record: cannot {act} now ({_cause(error)}); check the database and its disk"
        ) from error
    except DBAPIError as error:
        raise StoreError(f"record: {act} refused ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    # The library's own text shows the statement and its values; the driver's first line does not.
    return str(getattr(error, "orig", None) or error).splitlines()[0]
