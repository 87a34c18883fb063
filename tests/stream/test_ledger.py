"""Entries of the ledger keep every bit of what a door admitted."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud.dead_letter import DeadLetter
from fraud.errors import StoreError
from fraud.transaction import LARGEST_AMOUNT, Transaction
from graph.ring_mark import RingMark
from stream.ledger import ENTRY_VERSION, Entry, LabelMark, decode_entry, encode_entry

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=128)
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
OFFSETS = st.integers(0, 2**62)
TRANSACTIONS = st.builds(
    Transaction,
    transaction_id=TEXTS,
    event_time=TIMES,
    account_id=TEXTS,
    amount=st.floats(0, LARGEST_AMOUNT, exclude_min=True),
    merchant_id=st.none() | TEXTS,
    counterparty_id=st.none() | TEXTS,
    currency=st.sampled_from(("USD", "EUR", "INR")),
    device_id=st.none() | TEXTS,
    ip=st.none() | TEXTS,
    channel=st.none() | TEXTS,
    mcc=st.none() | TEXTS,
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
)
LETTERS = st.builds(DeadLetter, TEXTS, OFFSETS, TEXTS, TEXTS, st.just(""))
MARKS = st.builds(LabelMark, st.booleans(), TIMES)
RING_MARKS = st.builds(RingMark, TEXTS, st.integers(0, 255), st.integers(-(2**62), 2**62))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    offsets = sorted(draw(st.sets(OFFSETS, max_size=6)))
    rows = [draw(TRANSACTIONS) for _ in offsets]
    kind = draw(st.sampled_from(("transactions", "labels", "rings")))
    if kind == "rings":
        told = [draw(RING_MARKS) for _ in offsets]
        return Entry(kind, 0, draw(OFFSETS), draw(OFFSETS), offsets, [], marks=told)
    marks = [draw(MARKS) for _ in offsets] if kind == "labels" else []
    letters = draw(st.lists(LETTERS, max_size=3))
    start, stop = draw(OFFSETS), draw(OFFSETS)
    return Entry(kind, draw(st.integers(0, 999)), start, stop, offsets, rows, marks, letters)


@given(entries())
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    again = decode_entry(encode_entry(entry))
    for name in Entry.__struct_fields__:
        if name != "transactions":
            assert list_of(getattr(again, name)) == list_of(getattr(entry, name)), name
    assert [fields(one) for one in again.transactions] == [fields(one) for one in entry.transactions]
    assert encode_entry(again) == encode_entry(entry)


def list_of(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def fields(one: Transaction) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in Transaction.__struct_fields__)


def test_an_entry_of_an_unknown_version_is_refused() -> None:
    wire = msgspec.msgpack.decode(encode_entry(Entry("transactions", 0, 0, 0, [], [])))
    assert wire[0] == ENTRY_VERSION
    with pytest.raises(StoreError, match="entry of version 99, this release reads 1"):
        decode_entry(msgspec.msgpack.encode([99, *wire[1:]]))


@given(st.binary(max_size=80))
def test_anything_else_is_refused_in_one_line(message: bytes) -> None:
    with pytest.raises(StoreError, match="ledger: ") as refusal:
        decode_entry(message)
    assert "\n" not in str(refusal.value)


@given(entries(), st.data())
def test_a_cut_entry_is_refused(entry: Entry, data: st.DataObject) -> None:
    message = encode_entry(entry)
    with pytest.raises(StoreError):
        decode_entry(message[: data.draw(st.integers(0, len(message) - 1))])
