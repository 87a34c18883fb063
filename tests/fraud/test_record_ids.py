"""Ids stay single whatever comes again, from whom, and whatever their hashes; names are found in every era."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraud import record_batches, record_eras, record_hashes, record_known, record_lookup, record_reader
from fraud import record_tables as table
from fraud.record import Record
from fraud.record_known import KnownIds
from fraud.record_rows import DecidedTransaction
from fraud.transaction import Transaction
from tests.fraud.payments import START, decision, receipt_batch, transaction


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def write(record: Record, rows: list[int], stream: str = "main") -> tuple[str, ...]:
    batch = receipt_batch(rows)
    decisions = [decision(i) for i in rows]
    return record.write_batch([transaction(i) for i in rows], decisions, batch, stream=stream).repeated


def ends(one: Transaction) -> tuple[str | None, ...]:
    return one.account_id, one.merchant_id, one.device_id, one.ip


def names(transactions: Sequence[Transaction | DecidedTransaction]) -> list[str]:
    return [one.transaction_id for one in transactions]


@given(st.lists(st.lists(st.integers(-40, 40), max_size=12), max_size=12), st.integers(1, 5))
def test_known_hashes_are_those_that_were_added(batches: list[list[int]], probe: int) -> None:
    known, held = KnownIds(), set[int]()
    for batch in batches:
        known.add(np.array(batch, dtype=np.int64))
        held |= set(batch)
    asked = np.arange(-45, 45, probe)
    assert known.may_hold(asked).tolist() == [one in held for one in asked.tolist()]


def test_runs_stay_few_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_known, "LARGEST_RUN", 64)
    known = KnownIds()
    for start in range(1_000):
        known.add(np.array([start * 3]))
    assert len(known._runs) <= 1_000 // 64 + 7
    asked = np.arange(-5, 3_010)
    expected = [one % 3 == 0 and 0 <= one < 3_000 for one in asked.tolist()]
    assert known.may_hold(asked).tolist() == expected


def test_what_another_writer_wrote_is_known(record: Record, record_url: str) -> None:
    other = Record.open(record_url)
    assert write(record, [1, 2, 3], "a") == ()
    assert write(other, [2, 4], "b") == ("t2",)
    assert write(record, [4, 5, 1], "a") == ("t4", "t1")
    assert write(other, [5, 6, 6], "b") == ("t5", "t6")
    other.close()
    assert record.count(table.transactions) == record.count(table.decisions) == 6


def test_a_batch_that_failed_leaves_its_ids_free(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fraud.record.save_alerts", fail)
        with pytest.raises(KeyboardInterrupt):
            write(record, [1, 2])
    assert record.count(table.transactions) == 0
    assert write(record, [2, 1]) == ()


def test_ids_that_share_a_hash_are_told_apart(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def same(ids: list[str]) -> NDArray[np.int64]:
        return np.full(len(list(ids)), 7, dtype=np.int64)

    for module in (record_hashes, record_batches, record_lookup):
        monkeypatch.setattr(module, "id_hashes", same)
    assert write(record, [1, 2]) == ()
    assert write(record, [3, 2, 4]) == ("t2",)
    assert record.decisions(["t1", "t4", "t9"]) == {"t1": decision(1), "t4": decision(4)}


@pytest.mark.parametrize("rests", [False, True])
@pytest.mark.parametrize(("full", "young"), [(10, 0), (10, 6), (40, 13)])
def test_what_is_asked_at_a_node_is_found_in_every_era(
    record: Record, monkeypatch: pytest.MonkeyPatch, full: int, young: int, rests: bool
) -> None:
    monkeypatch.setattr(record_eras, "ERA_TRANSACTIONS", full)
    monkeypatch.setattr(record_eras, "YOUNG_TRANSACTIONS", young)
    monkeypatch.setattr(record_lookup, "FIRST_ERAS", 1)
    order = np.random.default_rng(1).permutation(300).tolist()
    for start in range(0, 300, 6):
        write(record, order[start : start + 6], stream=f"ledger-{start % 4}")
        if rests:
            record.make_room()
    assert 200 / full <= record.count(table.eras) <= 50
    since, until = START + timedelta(minutes=50), START + timedelta(minutes=250)
    for node in ("a_3", "shop1", "d_2", "i_5", "none"):
        at = [transaction(i) for i in reversed(range(300)) if node in ends(transaction(i))]
        for limit in (3, 1_000):
            around = record.transactions_around(node, limit=limit)
            assert names(around) == names(at)[:limit]
        window = record.transactions_around(node, since=since, until=until)
        assert names(window) == names([one for one in at if since <= one.event_time < until])
    worst = record.worst_scores(["a_2", "a_4"])
    assert worst["a_2"][0] == max(decision(i).score for i in range(2, 300, 7))
    assert len(record.decisions(f"t{i}" for i in range(0, 400, 2))) == 150


@pytest.mark.parametrize("young", [0, 6])
def test_decisions_between_two_event_times_are_found_in_the_eras_that_reach_there(
    record: Record, monkeypatch: pytest.MonkeyPatch, young: int
) -> None:
    monkeypatch.setattr(record_eras, "ERA_TRANSACTIONS", 20)
    monkeypatch.setattr(record_eras, "YOUNG_TRANSACTIONS", young)
    order = np.argsort(np.arange(300) + np.random.default_rng(2).normal(0, 8, 300)).tolist()
    for start in range(0, 300, 6):
        write(record, order[start : start + 6], stream=f"ledger-{start % 4}")
    for start in range(0, 300, 30):
        wanted = order[start : start + 30]
        times = [transaction(i).event_time for i in wanted]
        found = record.decisions([f"t{i}" for i in wanted], since=min(times), until=max(times))
        assert found == {f"t{i}": decision(i) for i in wanted}
        with record.engine.connect() as connection:
            eras = connection.execute(record_lookup.eras_within(min(times), max(times))).all()
        assert len(eras) < record.count(table.eras)


def test_names_that_move_while_they_are_looked_for_are_found(
    record: Record, record_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A young era, read last because its events are old, moves into one that has been read already."""
    monkeypatch.setattr(record_eras, "YOUNG_TRANSACTIONS", 4)
    write(record, [200, 201, 202, 203, 204])
    write(record, [1, 2])
    other = Record.open(record_url)

    def one_by_one(found: Sequence[Any]) -> Iterator[Sequence[Any]]:
        yield found[:1]
        write(other, [3, 4, 5])
        yield from ([one] for one in found[1:])

    monkeypatch.setattr(record_reader, "doubling", one_by_one)
    assert names(record.transactions_around("shop1")) == ["t202", "t1"]
    other.close()
    assert record.count(table.transactions) == 10


def test_names_that_share_a_hash_are_told_apart(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def same(names: list[str]) -> NDArray[np.int32]:
        return np.full(len(list(names)), 7, dtype=np.int32)

    for module in (record_batches, record_reader):
        monkeypatch.setattr(module, "name_hashes", same)
    write(record, list(range(50)))
    around = record.transactions_around("a_3", limit=4)
    assert [one.transaction_id for one in around] == ["t45", "t38", "t31", "t24"]
    assert set(record.worst_scores(["a_3"])) == {"a_3"}
