"""SQLite through APSW, with the face of PEP 249 that SQLAlchemy's SQLite dialect knows.

APSW brings a SQLite of its own, built for speed, and binds values without detours: rows go in for less than half of the
processor time that they cost with the standard library's ``sqlite3`` and a distribution's SQLite (docs/decisions/0030).
Only what the dialect uses is here. One process must not open the same file with two SQLites, or the locks of one fall
when the other closes: everything goes through ``fraud.database``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import apsw

__all__ = [
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "apilevel",
    "connect",
    "paramstyle",
    "sqlite_version_info",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
Binary = memoryview
sqlite_version_info = tuple(map(int, apsw.sqlite_lib_version().split(".")))


class Error(Exception):
    """Of the driver; those below it as PEP 249 has them."""


class InterfaceError(Error):
    """A value that SQLite has no form for."""


class DatabaseError(Error):
    """What SQLite refuses, and a file that is damaged or none of its."""


class DataError(DatabaseError):
    """A value that is too large."""


class OperationalError(DatabaseError):
    """A lock, a disk, a file or a statement that stands in the way."""


class IntegrityError(DatabaseError):
    """A constraint."""


class InternalError(DatabaseError):
    """Of SQLite itself."""


class ProgrammingError(DatabaseError):
    """A use of the driver that it does not know."""


class NotSupportedError(DatabaseError):
    """What SQLite cannot do."""


KINDS: dict[type[Exception], type[Error]] = {
    apsw.ConstraintError: IntegrityError,
    apsw.MismatchError: IntegrityError,
    apsw.TooBigError: DataError,
    apsw.InternalError: InternalError,
    apsw.CorruptError: DatabaseError,
    apsw.NotADBError: DatabaseError,
    apsw.BindingsError: ProgrammingError,
    apsw.ConnectionClosedError: ProgrammingError,
    apsw.CursorClosedError: ProgrammingError,
    apsw.ThreadingViolationError: ProgrammingError,
    apsw.MisuseError: InterfaceError,
    apsw.RangeError: InterfaceError,
}
"""Any other is an OperationalError, as with ``sqlite3``."""


class Cursor:
    """One statement at a time, and its rows."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.arraysize = 1
        self.description: tuple[tuple[Any, ...], ...] | None = None
        """The columns of the rows, or None where a statement has none."""
        self.rowcount = -1
        """Rows that a statement without rows of its own changed."""

    @property
    def lastrowid(self) -> int:
        """Number of the row that the connection inserted last."""
        return self._connection.last_insert_rowid()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Cursor:
        """Carry out a statement; its rows, if it has any, are fetched afterwards."""
        before = self._connection.total_changes()
        self.description = None
        # Of a statement that finds no rows APSW tells the columns only while it begins.
        self._cursor.exec_trace = self._begins
        try:
            with _errors():
                self._cursor.execute(statement, values)
        finally:
            # Else the two would hold each other, and a cursor that is let go would not be closed at once.
            self._cursor.exec_trace = None
        self.rowcount = self._connection.total_changes() - before if self.description is None else -1
        return self

    def executemany(self, statement: str, many: Iterable[Sequence[Any]]) -> Cursor:
        """Carry out a statement that has no rows of its own for each sequence of values."""
        self.description = None
        before = self._connection.total_changes()
        with _errors():
            self._cursor.executemany(statement, many)
        self.rowcount = self._connection.total_changes() - before
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None after the last."""
        with _errors():
            return self._cursor.fetchone()

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """So many rows, or all that are left."""
        with _errors():
            return list(islice(self._cursor, size or self.arraysize))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        with _errors():
            return self._cursor.fetchall()

    def close(self) -> None:
        """Give up the rows that are left."""
        self._cursor.close(True)

    def _begins(self, cursor: apsw.Cursor, _: str, __: object) -> bool:
        columns = cursor.get_description()
        self.description = tuple((name, kind, *[None] * 5) for name, kind in columns) or None
        return True


class Connection:
    """To one file; transactions begin where a statement says so."""

    def __init__(self, path: str) -> None:
        with _errors():
            self._connection = apsw.Connection(path)

    def cursor(self) -> Cursor:
        """A new one."""
        with _errors():
            return Cursor(self._connection)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Cursor:
        """Carry out a statement at a cursor of its own."""
        return self.cursor().execute(statement, values)

    def commit(self) -> None:
        """End the transaction, if there is one."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Take the transaction back, if there is one."""
        self._end("ROLLBACK")

    def close(self) -> None:
        """Close the file; a transaction that is open is taken back."""
        with _errors():
            self._connection.close(True)

    def create_function(
        self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        """Make a function of Python's known to SQL."""
        with _errors():
            self._connection.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def _end(self, statement: str) -> None:
        with _errors():
            if self._connection.in_transaction:
                self._connection.execute(statement)


def connect(path: str, *, check_same_thread: bool = True) -> Connection:
    """Open a file, made where there is none; threads may share a connection, one at a time, whatever is said here."""
    return Connection(path)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise KINDS.get(type(error), OperationalError)(*error.args) from error
    except TypeError as error:
        # A value of a type that SQLite does not know.
        raise ProgrammingError(*error.args) from error
