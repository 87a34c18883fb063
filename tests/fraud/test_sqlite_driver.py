"""The driver does what SQLAlchemy's SQLite dialect, and ``fraud.database``, expect of one."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fraud import sqlite_driver
from fraud.database import open_engine, writing


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "driver.sqlite3")


@pytest.fixture
def connection(path: str) -> Iterator[sqlite_driver.Connection]:
    connection = sqlite_driver.connect(path, check_same_thread=False)
    connection.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, name TEXT NOT NULL, body BLOB)")
    yield connection
    connection.close()


def test_rows_columns_and_counts(connection: sqlite_driver.Connection) -> None:
    cursor = connection.cursor()
    rows = [(number, f"n{number}", memoryview(b"\0\xff")) for number in range(5)]
    cursor.executemany("INSERT INTO kept VALUES (?, ?, ?)", rows)
    assert (cursor.rowcount, cursor.lastrowid, cursor.description) == (5, 4, None)
    cursor.execute("SELECT number, name AS called, body FROM kept ORDER BY number")
    assert cursor.description is not None
    assert [column[0] for column in cursor.description] == ["number", "called", "body"]
    assert cursor.fetchone() == (0, "n0", b"\0\xff")
    assert [row[0] for row in cursor.fetchmany(2)] == [1, 2]
    assert [row[0] for row in cursor.fetchall()] == [3, 4]
    assert cursor.fetchone() is None
    assert cursor.execute("UPDATE kept SET name = 'x' WHERE number > ?", (1,)).rowcount == 3
    assert cursor.execute("DELETE FROM kept WHERE number > 9").rowcount == 0


def test_a_statement_that_finds_nothing_has_columns_all_the_same(
    connection: sqlite_driver.Connection,
) -> None:
    cursor = connection.execute("SELECT number FROM kept")
    assert cursor.description is not None
    assert cursor.fetchall() == []
    cursor = connection.execute(
        "INSERT INTO kept VALUES (7, 'a', NULL) ON CONFLICT DO NOTHING RETURNING number"
    )
    assert cursor.fetchall() == [(7,)]


@pytest.mark.parametrize(
    ("statement", "values", "kind"),
    [
        ("INSERT INTO kept VALUES (1, NULL, NULL)", (), sqlite_driver.IntegrityError),
        ("INSERT INTO kept VALUES ('one', 'a', NULL)", (), sqlite_driver.IntegrityError),
        ("INSERT INTO nothing VALUES (1)", (), sqlite_driver.OperationalError),
        ("SELEC", (), sqlite_driver.OperationalError),
        ("SELECT ?", (), sqlite_driver.ProgrammingError),
        ("SELECT ?", (object(),), sqlite_driver.ProgrammingError),
    ],
)
def test_errors_have_the_kinds_of_pep_249(
    connection: sqlite_driver.Connection, statement: str, values: tuple[object, ...], kind: type[Exception]
) -> None:
    with pytest.raises(sqlite_driver.Error) as caught:
        connection.execute(statement, values)
    assert type(caught.value) is kind


def test_a_file_that_is_none_of_its(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("Dear Sir or Madam, " * 100)
    connection = sqlite_driver.connect(str(path))
    with pytest.raises(sqlite_driver.DatabaseError, match="not a database"):
        connection.execute("SELECT * FROM kept")
    connection.close()
    with pytest.raises(sqlite_driver.OperationalError):
        sqlite_driver.connect(str(tmp_path / "no" / "folder"))


def test_a_lock_of_another_is_an_operational_error(connection: sqlite_driver.Connection, path: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    other = sqlite_driver.connect(path)
    with pytest.raises(sqlite_driver.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    connection.rollback()
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO kept VALUES (1, 'a', NULL)")
    other.close()
    assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(0,)], "closed without commit"


def test_a_full_disk_is_an_operational_error(connection: sqlite_driver.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(sqlite_driver.OperationalError, match="full"):
        connection.execute("INSERT INTO kept VALUES (1, 'a', zeroblob(100000))")


def test_a_cursor_that_is_let_go_holds_nothing_up(connection: sqlite_driver.Connection) -> None:
    connection.execute("INSERT INTO kept VALUES (1, 'a', NULL), (2, 'b', NULL)")
    gc.disable()
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM kept")
        cursor = connection.execute("SELECT * FROM kept")
        cursor.close()
        connection.execute("DROP TABLE kept")
        connection.commit()
    finally:
        gc.enable()


def test_through_sqlalchemy(path: str) -> None:
    engine = open_engine(f"sqlite:///{path}")
    with engine.connect() as connection, writing(connection):
        connection.execute(text("CREATE TABLE kept (number INTEGER)"))
        connection.execute(text("INSERT INTO kept VALUES (:n)"), [{"n": number} for number in range(10)])
        assert connection.execute(text("SELECT floor(max(number) / 2.0) FROM kept")).scalar_one() == 4
        assert (
            connection.execute(
                text("SELECT count(*) FROM kept WHERE CAST(number AS TEXT) REGEXP '[3-5]'")
            ).scalar()
            == 3
        )
    with engine.connect() as connection:
        with pytest.raises(RuntimeError), writing(connection):
            connection.execute(text("DELETE FROM kept"))
            raise RuntimeError
        assert connection.execute(text("SELECT count(*) FROM kept")).scalar() == 10
    engine.dispose()
