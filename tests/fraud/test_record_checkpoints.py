"""Bringing the record's log into its file: done beside the writing, and by no commit."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

from fraud.decision import Decision, Outcome
from fraud.record import Record
from fraud.record_checkpoints import Checkpoints
from tests.fraud.payments import plain_payments

PATIENCE = 20.0


def write(record: Record, first: int, count: int) -> None:
    transactions = plain_payments(first, count)
    decisions = [
        Decision(one.transaction_id, one.event_time, 0.1, Outcome.APPROVE, "model-1") for one in transactions
    ]
    record.write_batch(transactions, decisions)


def rows_in_the_file_alone(path: Path, aside: Path) -> int:
    shutil.copyfile(path, aside)
    with sqlite3.connect(aside) as connection:
        try:
            (count,) = connection.execute("SELECT count(*) FROM transactions").fetchone()
        except sqlite3.OperationalError:  # no table yet: even the schema is still in the log
            return 0
    return int(count)


def test_what_is_written_comes_into_the_file_while_the_record_is_open(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    record = Record.open(f"sqlite:///{path}")
    with Checkpoints(record.engine):
        for first in range(0, 500, 50):
            write(record, first, 50)
        until = time.monotonic() + PATIENCE
        while rows_in_the_file_alone(path, tmp_path / "copy") < 500:
            assert time.monotonic() < until
            time.sleep(0.05)
    record.close()


def test_without_it_the_log_is_left_to_the_commits(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    record = Record.open(f"sqlite:///{path}")
    write(record, 0, 50)
    assert rows_in_the_file_alone(path, tmp_path / "copy") == 0
    record.close()
