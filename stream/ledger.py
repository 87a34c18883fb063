"""The ledger: accepted events of all partitions in the one order in which every worker takes them in.

An *entry* holds what one door admitted from one portion of a source partition: tokenised, checked, with the range of
source offsets that it settles. The topic has a single partition, so its order is total; a range that comes twice
(redelivery, a worker that did not know yet that it had lost the partition) is recognised by its offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from fraud.dead_letter import DeadLetter
from fraud.errors import StoreError
from fraud.transaction import Transaction
from graph.ring_mark import RingMark

__all__ = [
    "ENTRY_VERSION",
    "RING_SOURCE",
    "Entry",
    "LabelMark",
    "LedgerRow",
    "Source",
    "decode_entry",
    "encode_entry",
    "mark_entry",
    "source_name",
]

ENTRY_VERSION = 1

Kind = Literal["transactions", "labels", "rings"]
Source = tuple[Kind, int]
"""A partition of one of the two source topics; or the ring desk, whose offsets are the serial numbers of its marks."""


RING_SOURCE: Source = ("rings", 0)


def source_name(source: Source) -> str:
    """The source as the record's positions name it."""
    kind, partition = source
    return f"{kind}-{partition}"


class LabelMark(msgspec.Struct, frozen=True, array_like=True):
    """What a label says of its transaction, and since when it is known."""

    is_fraud: bool
    known_at: datetime
    source: str | None = None
    """Who reported it; what an older release wrote does not say."""


class LedgerRow(Transaction, frozen=True, array_like=True, gc=False):
    """A transaction as the ledger holds it: its fields in their order, without their names."""


class Entry(msgspec.Struct, frozen=True):
    """What came of the source offsets from ``start`` up to ``stop``: events, and letters where ``offsets`` has gaps.

    Letters are in the ledger so that a record is refused or admitted once for all: a door that reads it again, after a
    kill or a rebalance, may judge otherwise, since some rules look at the clock.
    """

    kind: Kind
    partition: int
    start: int
    stop: int
    offsets: Sequence[int]
    """Source offset of each event, ascending."""
    transactions: Sequence[Transaction]
    """Tokenised; of a label, the transaction that it is about."""
    labels: Sequence[LabelMark] = ()
    """One an event where ``kind`` is labels."""
    letters: Sequence[DeadLetter] = ()
    """Of refused transactions, ascending; refused labels go into the record at once."""
    marks: Sequence[RingMark] = ()
    """What the ring desk says of accounts: one an offset where ``kind`` is rings, and then nothing else."""

    @property
    def source(self) -> Source:
        """Where the events come from."""
        return self.kind, self.partition


def mark_entry(start: int, marks: Sequence[RingMark]) -> Entry:
    """Ring marks with serial numbers from ``start`` on."""
    stop = start + len(marks)
    return Entry(*RING_SOURCE, start, stop, list(range(start, stop)), [], marks=marks)


class _Wire(msgspec.Struct, array_like=True):
    version: int
    kind: Kind
    partition: int
    start: int
    stop: int
    offsets: list[int]
    rows: list[LedgerRow]
    labels: list[LabelMark] = []
    letters: list[DeadLetter] = []
    marks: list[RingMark] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)
_astuple = msgspec.structs.astuple


def encode_entry(entry: Entry) -> bytes:
    """As a message of the ledger topic."""
    rows = [_astuple(one) for one in entry.transactions]
    head = (ENTRY_VERSION, entry.kind, entry.partition, entry.start, entry.stop)
    return _encoder.encode((*head, entry.offsets, rows, entry.labels, entry.letters, entry.marks))


def decode_entry(message: bytes) -> Entry:
    """From a message of the ledger topic; raises StoreError when it is none of this release's.

    The ledger is written by our own doors alone, so nothing in it is skipped: a worker that cannot read an entry stops.
    """
    try:
        wire = _decoder.decode(message)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"ledger: unreadable entry ({error}); run the release that wrote it, or a newer one"
        ) from error
    if wire.version != ENTRY_VERSION:
        raise StoreError(f"ledger: entry of version {wire.version}, this release reads {ENTRY_VERSION}")
    return Entry(
        wire.kind, wire.partition, wire.start, wire.stop, wire.offsets, wire.rows, wire.labels, wire.letters,
        wire.marks,
    )  # fmt: skip
