from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from fraud.access import Person, Role
from fraud.audit_trail import Head, append, entries, verify, walk
from fraud.database import store_errors, writing
from fraud.errors import AuditFailed, StoreError
from fraud.record import Record

ANN = Person("ann", "Ann", Role.ANALYST)
BOB = Person("bob", "Bob", Role.SUPERVISOR)
OFF = {
    "sqlite": ("audit_trail_no_update", "audit_trail_no_delete", "audit_trail_at_the_end"),
    "postgresql": ("audit_trail_no_change", "audit_trail_no_truncate"),
}


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def act(record: Record, count: int = 1, by: Person = ANN) -> None:
    for i in range(count):
        with record.engine.connect() as connection, writing(connection):
            append(connection, by, "comment", f"case C-{i:06d}", {"text": f"note {i} – ünïcode", "n": i})


def execute(record: Record, statement: str) -> None:
    with store_errors("write"), record.engine.connect() as connection, writing(connection):
        connection.execute(text(statement))


def tamper(record: Record, statement: str) -> None:
    """What somebody does who may drop triggers."""
    dialect = record.engine.dialect.name
    with record.engine.connect() as connection, writing(connection):
        for trigger in OFF[dialect]:
            connection.execute(
                text(f"DROP TRIGGER {trigger}" + (" ON audit_trail" if dialect != "sqlite" else ""))
            )
        connection.execute(text(statement))


def test_an_untouched_chain_holds(record: Record) -> None:
    assert verify(record.engine).number == 0
    act(record, 3)
    head = verify(record.engine)
    assert head.number == 3
    act(record, 2, by=BOB)
    later = verify(record.engine, head)
    assert later.number == 5
    assert later.hash != head.hash
    assert verify(record.engine, later) == later


def test_entries_say_who_did_what_and_when(record: Record) -> None:
    before = datetime.now(UTC)
    act(record, 2)
    act(record, 1, by=BOB)
    found = entries(record.engine)
    assert [(one.number, one.by, one.subject) for one in found] == [
        (3, "bob", "case C-000000"),
        (2, "ann", "case C-000001"),
        (1, "ann", "case C-000000"),
    ]
    assert before <= found[-1].at <= found[0].at <= datetime.now(UTC)
    assert json.loads(found[1].detail) == {"text": "note 1 – ünïcode", "n": 1}
    assert [one.number for one in entries(record.engine, subject="case C-000000")] == [3, 1]
    assert [one.number for one in entries(record.engine, by="ann", before=2)] == [1]
    assert entries(record.engine, act="sign-in") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_trail SET detail = '{}' WHERE number = 2",
        "UPDATE audit_trail SET by = 'eve'",
        "DELETE FROM audit_trail WHERE number = 3",
        "DELETE FROM audit_trail",
    ],
)
def test_the_database_refuses_to_change_an_entry(record: Record, statement: str) -> None:
    act(record, 3)
    with pytest.raises(StoreError, match="only ever added"):
        execute(record, statement)
    assert verify(record.engine).number == 3


def test_the_database_refuses_to_empty_or_replace(record: Record) -> None:
    act(record, 3)
    again = "SELECT number, at, 'eve', act, subject, detail, previous_hash, hash FROM audit_trail WHERE number = 2"
    if record.engine.dialect.name == "sqlite":
        with pytest.raises(StoreError, match="only ever added"):
            execute(record, f"INSERT OR REPLACE INTO audit_trail {again}")
    else:
        with pytest.raises(StoreError, match="only ever added"):
            execute(record, "TRUNCATE audit_trail")
        with pytest.raises(StoreError, match="duplicate key"):
            execute(record, f"INSERT INTO audit_trail {again}")
    assert verify(record.engine).number == 3


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_trail SET detail = '{}' WHERE number = 2", "entry 2 was altered"),
        ("UPDATE audit_trail SET by = 'eve' WHERE number = 4", "entry 4 was altered"),
        ("UPDATE audit_trail SET at = at + 1 WHERE number = 1", "entry 1 was altered"),
        ("UPDATE audit_trail SET hash = previous_hash WHERE number = 3", "entry 3 was altered"),
        ("DELETE FROM audit_trail WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_trail WHERE number = 1", "entry 1 is missing"),
        ("UPDATE audit_trail SET number = number + 10 WHERE number = 4", "entry 4 is missing"),
    ],
)
def test_tampering_is_found(record: Record, statement: str, says: str) -> None:
    act(record, 4)
    tamper(record, statement)
    with pytest.raises(AuditFailed, match=says):
        verify(record.engine)


def test_a_cut_end_is_found_by_a_head_noted_before(record: Record) -> None:
    act(record, 4)
    head = verify(record.engine)
    tamper(record, "DELETE FROM audit_trail WHERE number > 2")
    assert verify(record.engine).number == 2
    with pytest.raises(AuditFailed, match="cut off or written anew"):
        verify(record.engine, head)
    act(record, 2, by=BOB)
    with pytest.raises(AuditFailed, match="cut off or written anew"):
        verify(record.engine, head)


def test_an_act_that_fails_leaves_no_entry(record: Record) -> None:
    act(record)

    def fail(connection: Connection) -> None:
        append(connection, ANN, "take", "case C-000009")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), record.engine.connect() as connection, writing(connection):
        fail(connection)
    act(record)
    assert [one.number for one in walk(record.engine)] == [1, 2]
    assert verify(record.engine).number == 2


def test_acts_at_once_make_one_chain(record: Record) -> None:
    threads = [threading.Thread(target=act, args=(record, 15, by)) for by in (ANN, BOB, ANN, BOB)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify(record.engine).number == 60


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
            st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
                st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False),
                max_size=4,
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_written_holds(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, dict[str, object]]]
) -> None:
    record = Record.open(f"sqlite:///{tmp_path_factory.mktemp('record')}/r.sqlite3")
    for subject, detail in acts:
        with record.engine.connect() as connection, writing(connection):
            append(connection, ANN, "act", subject, detail)
    assert verify(record.engine).number == len(acts)
    assert [one.subject for one in walk(record.engine)] == [subject for subject, _ in acts]
    record.close()


def test_the_command(tmp_path: Path) -> None:
    home = tmp_path / "home"
    record = Record.open(f"sqlite:///{home}/record.sqlite3")
    act(record, 3)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "RINGFENCE_HOME": str(home), "COLUMNS": "200"}
        command = [sys.executable, "-m", "fraud", "audit-trail", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    done = run("verify")
    assert done.returncode == 0
    head = done.stdout.split()[-1]
    assert head == str(verify(record.engine))
    assert run("verify", "--expect", head).returncode == 0
    assert "C-000002" in run("list", "--limit", "1").stdout
    out = tmp_path / "trail.jsonl"
    assert run("export", "--out", str(out)).returncode == 0
    assert [json.loads(line)["number"] for line in out.read_text().splitlines()] == [1, 2, 3]
    assert run("verify", "--expect", "nonsense").returncode == 2
    assert run("verify", "--expect", str(Head(3, "0" * 64))).returncode == 1
    tamper(record, "UPDATE audit_trail SET by = 'eve' WHERE number = 2")
    refused = run("verify")
    assert (refused.returncode, refused.stderr) == (
        1, "ringfence: audit trail: entry 2 was altered; restore it from a backup\n"
    )  # fmt: skip
    record.close()
