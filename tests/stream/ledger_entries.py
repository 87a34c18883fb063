"""Logs of ledger entries as doors may leave them: overlapping, repeated, out of date, with ids that come again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from fraud.dead_letter import DeadLetter
from fraud.instant import to_micros
from fraud.transaction import Transaction
from graph.ring_mark import RingMark
from stream.ledger import Entry, LabelMark

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTITIONS = 3
LONGEST_SOURCE = 12
MARKED = to_micros(START)

Placed = tuple[int, Entry]
REFUSED = None
"""What a source holds where its record is to be refused."""


@st.composite
def sources(draw: st.DrawFn, partition: int) -> list[Transaction | None]:
    """The records of one partition of the transactions topic; ids may come again, in other partitions too."""
    rows: list[Transaction | None] = []
    for offset in range(draw(st.integers(0, LONGEST_SOURCE))):
        what = draw(st.integers(0, 9))
        if what == 0:
            rows.append(REFUSED)
            continue
        own_id = f"t-{partition}-{offset}" if what > 2 else f"t-0-{draw(st.integers(0, LONGEST_SOURCE))}"
        rows.append(
            Transaction(
                transaction_id=own_id,
                event_time=START + timedelta(hours=5 * offset + partition),
                account_id=f"a_{partition}{draw(st.integers(0, 1))}",
                amount=draw(st.sampled_from((3.0, 12.5, 250.0))),
                merchant_id=draw(st.sampled_from(("m1", "m2"))),
                device_id=draw(st.sampled_from((None, "d_1"))),
            )
        )
    return rows


def entry_of(partition: int, rows: Sequence[Transaction | None], start: int, stop: int) -> Entry:
    """What a door appends for a range of a source."""
    admitted = [(offset, rows[offset]) for offset in range(start, stop)]
    return Entry(
        "transactions",
        partition,
        start,
        stop,
        [offset for offset, row in admitted if row is not None],
        [row for _, row in admitted if row is not None],
        letters=[letter_of(partition, offset) for offset, row in admitted if row is None],
    )


def letter_of(partition: int, offset: int) -> DeadLetter:
    return DeadLetter(f"transactions-{partition}", offset, "amount", "is missing")


def label_entry(rows: Sequence[Transaction], start: int, stop: int) -> Entry:
    marks = [LabelMark(offset % 2 == 0, START + timedelta(days=3)) for offset in range(start, stop)]
    return Entry("labels", 0, start, stop, list(range(start, stop)), list(rows[start:stop]), marks)


def ring_entry(marks: Sequence[RingMark], start: int, stop: int) -> Entry:
    """What the ring desk appends; their serial numbers have gaps."""
    serials = [7 * number for number in range(start, stop)]
    return Entry("rings", 0, 7 * start, 7 * stop - 6, serials, [], marks=list(marks[start:stop]))


@st.composite
def logs(draw: st.DrawFn) -> tuple[dict[int, list[Transaction | None]], list[Placed]]:
    """Source records by partition, and a ledger that holds all of them: no range begins above what was settled,
    many begin below it."""
    records = {partition: draw(sources(partition)) for partition in range(PARTITIONS)}
    payments = [row for rows in records.values() for row in rows if row is not None]
    about = [draw(st.sampled_from(payments)) for _ in range(draw(st.integers(0, 4)))] if payments else []
    said = [
        RingMark(f"a_{draw(st.integers(0, 2))}0", draw(st.sampled_from((0, 51, 255))), MARKED)
        for _ in range(draw(st.integers(0, 4)))
    ]
    lengths = {partition: len(rows) for partition, rows in records.items()} | {-1: len(about), -2: len(said)}
    told = dict.fromkeys(lengths, 0)
    entries: list[Entry] = []
    while True:
        open_ones = [one for one, length in lengths.items() if told[one] < length]
        if not open_ones:
            break
        one = draw(st.sampled_from(open_ones))
        start = draw(st.integers(0, told[one]))
        stop = draw(st.integers(start + 1, lengths[one]))
        if one == -1:
            entries.append(label_entry(about, start, stop))
        elif one == -2:
            entries.append(ring_entry(said, start, stop))
        else:
            entries.append(entry_of(one, records[one], start, stop))
        told[one] = max(told[one], stop)
    first = draw(st.integers(0, 5))
    return records, list(enumerate(entries, first))


def cut(log: Sequence[Placed], sizes: Iterator[int]) -> Iterator[Sequence[Placed]]:
    """A log in groups."""
    begin = 0
    while begin < len(log):
        size = next(sizes)
        yield log[begin : begin + size]
        begin += size


def endless(sizes: Sequence[int]) -> Iterator[int]:
    while True:
        yield from sizes or [1]
