"""Positions and states are written with their batch, never go back, and are all or nothing with it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from fraud.errors import StoreError
from fraud.record import Record
from fraud.record_rows import SavedState
from tests.fraud.payments import alert, decision, ring, transaction


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def test_a_position_is_kept_by_stream_and_never_goes_back(record: Record) -> None:
    assert record.positions() == {}
    assert record.position("ledger-3") is None
    record.write_batch([transaction(1)], [decision(1)], stream="ledger-3", positions={"ledger-3": 12_345})
    record.write_batch([transaction(1)], [decision(1)], stream="ledger-3", positions={"ledger-3": 12_000})
    record.write_batch([], [], stream="ledger-4", positions={"ledger-4": 2**40})
    record.write_batch([transaction(2)], [decision(2)], stream="main")
    assert record.positions() == {"ledger-3": 12_345, "ledger-4": 2**40}
    assert record.position("ledger-3") == 12_345


def test_a_batch_of_repeats_still_moves_its_position(record: Record) -> None:
    record.write_batch([transaction(1)], [decision(1)], stream="s", positions={"s": 1})
    assert record.write_batch([transaction(1)], [decision(1)], stream="s", positions={"s": 2}).new == 0
    assert record.position("s") == 2


def test_the_newest_state_of_a_name_is_kept(record: Record) -> None:
    assert record.state("desk") is None
    record.save_state("desk", 5, b"five")
    record.save_state("desk", 4, b"four")
    record.save_state("other", 1, b"")
    assert record.state("desk") == SavedState("desk", 5, b"five")
    record.save_state("desk", 5, b"five again")
    record.write_batch([], [], states=[SavedState("desk", 9, b"\x00\xff")])
    assert record.state("desk") == SavedState("desk", 9, b"\x00\xff")
    assert record.state("other") == SavedState("other", 1, b"")


def test_a_failing_batch_moves_nothing(record: Record) -> None:
    bad = msgspec.structs.replace(alert(ring()), score=None)
    with pytest.raises(StoreError, match=r"(?i)not.null"):
        record.write_batch(
            [], [], alerts=[bad], stream="s", positions={"s": 7}, states=[SavedState("desk", 7, b"x")]
        )
    assert record.positions() == {}
    assert record.state("desk") is None
