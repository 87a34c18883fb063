"""The state is a function of the ledger, however it is cut, repeated or begun from a snapshot."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.transaction import Transaction
from graph.events import from_labels, from_ring_marks, from_transactions
from graph.online import OnlineGraph
from graph.seen import SeenIds
from stream.ledger import Source, decode_entry, encode_entry
from stream.state import Fresh, LedgerState
from tests.graph.test_snapshot import assert_same_state
from tests.stream.ledger_entries import PARTITIONS, Placed, cut, endless, letter_of, logs

SIZES = st.lists(st.integers(1, 5), max_size=6)
Records = dict[int, list[Transaction | None]]


def empty_state() -> LedgerState:
    return LedgerState(OnlineGraph(memory_budget=0), SeenIds(1_000))


def take(state: LedgerState, entries: Sequence[Placed]) -> list[Fresh]:
    """As the engine does."""
    runs = state.sift(entries)
    for fresh in runs:
        if fresh.marks:
            events = from_ring_marks(fresh.marks)
        elif fresh.labels:
            marks = fresh.labels
            events = from_labels(
                fresh.transactions, [one.is_fraud for one in marks], [one.known_at for one in marks]
            )
        else:
            events = from_transactions(fresh.transactions)
        state.graph.observe(events)
    return runs


def assert_equal(one: LedgerState, other: LedgerState) -> None:
    assert (one.position, one.settled) == (other.position, other.settled)
    seen, known = one.seen.arrays(), other.seen.arrays()
    assert {name: sorted(ids.tolist()) for name, ids in seen.items()} == {
        name: sorted(ids.tolist()) for name, ids in known.items()
    }
    assert_same_state(one.graph, other.graph)


def copy_of(state: LedgerState) -> LedgerState:
    return copy.deepcopy(state)


@settings(max_examples=40)
@given(logs(), SIZES, st.data())
def test_any_cut_and_any_replay_gives_the_same_state(
    logged: tuple[Records, list[Placed]], sizes: list[int], data: st.DataObject
) -> None:
    _, log = logged
    whole = empty_state()
    take(whole, log)

    in_groups, snapshots = empty_state(), [empty_state()]
    for group in cut(log, endless(sizes)):
        take(in_groups, group)
        snapshots.append(copy_of(in_groups))
    assert_equal(in_groups, whole)

    restored = data.draw(st.sampled_from(snapshots))
    # A reader that sought too far back, and entries that went over the wire.
    for group in cut(log, endless(data.draw(SIZES))):
        take(restored, [(offset, decode_entry(encode_entry(entry))) for offset, entry in group])
    assert_equal(restored, whole)


@settings(max_examples=60)
@given(logs(), SIZES)
def test_every_transaction_moves_the_state_once(
    logged: tuple[Records, list[Placed]], sizes: list[int]
) -> None:
    """Every accepted record comes out once, as new or as a repeat, every refused one as one letter."""
    records, log = logged
    state = empty_state()
    runs = [
        run
        for group in cut(log, endless(sizes))
        for run in take(state, group)
        if not run.labels and not run.marks
    ]
    new = [
        (partition, offset)
        for run in runs
        for partition, offset in zip(run.partitions, run.offsets, strict=True)
    ]
    repeated = [(partition, offset) for run in runs for partition, offset, _ in run.repeated]
    there = {(p, offset) for p, rows in records.items() for offset, row in enumerate(rows) if row is not None}
    assert sorted(new + repeated) == sorted(there)
    ids = [one.transaction_id for run in runs for one in run.transactions]
    assert len(ids) == len(set(ids))
    assert set(ids) == {row.transaction_id for rows in records.values() for row in rows if row is not None}
    assert state.graph.transactions_seen == len(ids)
    letters = [letter for run in runs for letter in run.letters]
    refused = [(p, offset) for p, rows in records.items() for offset, row in enumerate(rows) if row is None]
    assert sorted((p, letter.position) for p, letter in letters) == sorted(refused)
    assert all(letter == letter_of(p, letter.position) for p, letter in letters)
    settled: dict[Source, int] = {
        ("transactions", p): len(records[p]) for p in range(PARTITIONS) if records[p]
    }
    assert {source: at for source, at in state.settled.items() if source[0] == "transactions"} == settled


@settings(max_examples=30)
@given(logs(), SIZES)
def test_every_label_counts_once(logged: tuple[Records, list[Placed]], sizes: list[int]) -> None:
    _, log = logged
    state = empty_state()
    runs = [run for group in cut(log, endless(sizes)) for run in take(state, group) if run.labels]
    length = max((entry.stop for _, entry in log if entry.kind == "labels"), default=0)
    assert [offset for run in runs for offset in run.offsets] == list(range(length))
    assert all(len(run.labels) == len(run.transactions) == len(run.offsets) for run in runs)


@settings(max_examples=30)
@given(logs(), SIZES)
def test_every_ring_mark_counts_once(logged: tuple[Records, list[Placed]], sizes: list[int]) -> None:
    """A desk that was cut off says again what it has said, under the same serial numbers."""
    _, log = logged
    state = empty_state()
    runs = [run for group in cut(log, endless(sizes)) for run in take(state, group) if run.marks]
    said = {
        serial: mark
        for _, entry in log
        if entry.kind == "rings"
        for serial, mark in zip(entry.offsets, entry.marks, strict=True)
    }
    assert [serial for run in runs for serial in run.offsets] == sorted(said)
    assert [mark for run in runs for mark in run.marks] == [said[serial] for serial in sorted(said)]
