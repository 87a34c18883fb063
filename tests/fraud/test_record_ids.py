"""Ids stay single whatever comes again, from whom, and whatever their hashes; names are found in every era."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from fraud import (
    record_batches,
    record_eras,
    record_hashes,
    record_known,
    record_lookup,
    record_names,
    record_reader,
)
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
@pytest.mark.parametrize(("full", "parts"), [(10, 64), (40, 2), (40, 5), (1_000, 4)])
@pytest.mark.parametrize("whole", [False, True])
def test_what_is_asked_at_a_node_is_found_in_every_era(
    record: Record, monkeypatch: pytest.MonkeyPatch, full: int, parts: int, rests: bool, whole: bool
) -> None:
    monkeypatch.setattr(record_eras, "ERA_TRANSACTIONS", full)
    monkeypatch.setattr(record_eras, "MOST_PARTS", parts)
    monkeypatch.setattr(record_names, "PAGE_NAMES", 7)
    monkeypatch.setattr(record_names, "FEW_HASHES", 0 if whole else 32)
    monkeypatch.setattr(record_lookup, "FIRST_ERAS", 1)
    order = np.random.default_rng(1).permutation(300).tolist()
    for start in range(0, 300, 6):
        write(record, order[start : start + 6], stream=f"ledger-{start % 4}")
        if rests:
            record.make_room()
    assert 200 / full <= record.count(table.eras) <= 50
    assert record.count(table.name_parts) <= 4 * parts
    assert (record.count(table.name_pages) > 0) == (full < 300)
    since, until = START + timedelta(minutes=50), START + timedelta(minutes=250)
    for node in ("a_3", "shop1", "d_2", "i_5", "none"):
        at = [transaction(i) for i in reversed(range(300)) if node in ends(transaction(i))]
        for limit in (3, 1_000):
            around = record.transactions_around(node, limit=limit)
            assert names(around) == names(at)[:limit]
        window = record.transactions_around(node, since=since, until=until)
        assert names(window) == names([one for one in at if since <= one.event_time < until])
    assert len(record.decisions(f"t{i}" for i in range(0, 400, 2))) == 150


def test_decisions_between_two_event_times_are_found_in_the_eras_that_reach_there(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_eras, "ERA_TRANSACTIONS", 20)
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
    """Between parts and pages of an era somebody seals it; what is found in both counts once."""
    monkeypatch.setattr(record_eras, "ERA_TRANSACTIONS", 4)
    write(record, [1, 2, 3])
    other = Record.open(record_url)
    plain = record_names._parts_of

    def and_sealed_meanwhile(*asked: Any) -> Iterator[bytes]:
        yield from list(plain(*asked))
        write(other, [4, 5, 6])

    monkeypatch.setattr(record_names, "_parts_of", and_sealed_meanwhile)
    assert names(record.transactions_around("shop1"))[-1:] == ["t1"]
    other.close()
    assert record.count(table.name_parts) == 0 < record.count(table.name_pages)
    assert record.count(table.transactions) == 6


def test_parts_that_are_joined_double_in_size(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_eras, "MOST_PARTS", 8)
    written, plain = [], record_names.join_parts
    lengths = select(func.length(table.name_parts.c.body)).order_by(table.name_parts.c.batch_id)

    def counted(connection: Connection, era: int) -> int:
        left = plain(connection, era)
        sizes = connection.scalars(lengths).all()
        written.append(sizes[-1])
        assert all(before > 2 * after for before, after in pairwise(sizes))
        return left

    monkeypatch.setattr(record_names, "join_parts", counted)
    for row in range(500):
        write(record, [row])
    with record.engine.connect() as connection:
        total = connection.scalar(select(func.sum(func.length(table.name_parts.c.body))))
        assert connection.scalars(select(table.eras.c.parts)).all() == [record.count(table.name_parts)]
    assert total is not None and sum(written) < 6 * total


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.integers(1, 9))
def test_a_page_holds_all_that_share_a_hash(hashes: list[int], size: int) -> None:
    ordered = np.array([(one, row) for row, one in enumerate(sorted(hashes))], dtype=record_names.NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_names, "PAGE_NAMES", size)
        pages = list(record_names._pages(ordered))
    assert np.concatenate(pages).tolist() == ordered.tolist()
    assert all(before["hash"][-1] < after["hash"][0] for before, after in pairwise(pages))
    assert all(len(page) < size + np.count_nonzero(page["hash"] == page["hash"][0]) for page in pages)


def test_names_that_share_a_hash_are_told_apart(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    def same(names: list[str]) -> NDArray[np.int32]:
        return np.full(len(list(names)), 7, dtype=np.int32)

    for module in (record_names, record_reader):
        monkeypatch.setattr(module, "name_hashes", same)
    write(record, list(range(50)))
    around = record.transactions_around("a_3", limit=4)
    assert [one.transaction_id for one in around] == ["t45", "t38", "t31", "t24"]
