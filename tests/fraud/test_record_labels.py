"""Labels: one row a report, the first of repeated reports, beside where it was received."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from fraud import record_tables as table
from fraud.label import Label
from fraud.record import Record
from tests.fraud.payments import START, decision, transaction

FRAUD = Label("t1", True, START, "chargeback")


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def test_of_a_repeated_report_the_first_is_kept(record: Record) -> None:
    record.write_labels([FRAUD, FRAUD], stream="labels-0", positions={"labels-0": 7})
    record.write_labels(
        [Label("t1", False, START, "chargeback")], stream="labels-0", positions={"labels-0": 8}
    )
    assert record.labels(["t1", "t2"]) == {"t1": [FRAUD]}
    assert record.position("labels-0") == 8
    with record.engine.connect() as connection:
        (row,) = connection.execute(select(table.labels)).all()
    assert (row.stream, row.position) == ("labels-0", 7)


def test_a_later_report_is_a_row_of_its_own(record: Record) -> None:
    later = Label("t1", False, START + timedelta(days=3), "investigator")
    record.write_batch([transaction(1)], [decision(1)], labels=[later])
    record.write_labels([FRAUD])
    assert record.labels(["t1"]) == {"t1": [FRAUD, later]}
