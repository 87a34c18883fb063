"""What a door does to source records: checked, tokenised, made into a ledger entry; the refused ones into letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fraud.dead_letter import DeadLetter
from fraud.door import admit
from fraud.errors import RecordError
from fraud.label import Label
from fraud.tokens import Tokeniser
from fraud.transaction import Transaction
from stream.ledger import Entry, Kind, LabelMark

__all__ = ["Known", "Portion", "admit_labels", "admit_portions", "admit_transactions", "in_turns", "refuse"]

Known = tuple[int, Label, Transaction]
"""Source offset of a label, the label, and the tokenised transaction that it is about."""


Portion = tuple[int, Sequence[tuple[int, bytes]]]
"""A source partition, and records (offset, JSON) of it, ascending, at least one."""


def refuse(topic: str, partition: int, offset: int, error: RecordError) -> DeadLetter:
    """The letter of a source record; the record itself stays where it is."""
    return DeadLetter(f"{topic}-{partition}", offset, error.field, error.reason)


def in_turns(portions: Sequence[Portion], most: int) -> Iterator[list[Portion]]:
    """The records of each partition in their order, ``most`` at a time, partitions taking turns.

    One partition after the other in the ledger, all that the later ones hold would be late.
    """
    share = max(1, most // max(1, len(portions)))
    some: list[Portion] = []
    rows = 0
    for first in range(0, max((len(records) for _, records in portions), default=0), share):
        for partition, records in portions:
            part = records[first : first + share]
            if rows + len(part) > most:
                yield some
                some, rows = [], 0
            if part:
                some.append((partition, part))
                rows += len(part)
    if some:
        yield some


def admit_transactions(
    topic: str, partition: int, records: Sequence[tuple[int, bytes]], tokeniser: Tokeniser, currency: str
) -> Entry:
    """Check and tokenise raw transactions (offset, JSON), ascending, at least one; letters for those refused."""
    (entry,) = admit_portions(topic, [(partition, records)], tokeniser, currency)
    return entry


def admit_portions(
    topic: str, portions: Sequence[Portion], tokeniser: Tokeniser, currency: str
) -> list[Entry]:
    """An entry each of raw transactions, checked and tokenised together: a call costs as much as many records."""
    values = [value for _, records in portions for _, value in records]
    results = iter(admit(values, tokeniser, currency=currency))
    return [_entry(topic, partition, records, results) for partition, records in portions]


def _entry(
    topic: str,
    partition: int,
    records: Sequence[tuple[int, bytes]],
    results: Iterator[Transaction | RecordError],
) -> Entry:
    offsets: list[int] = []
    transactions: list[Transaction] = []
    letters: list[DeadLetter] = []
    for (offset, _), result in zip(records, results, strict=False):
        if isinstance(result, RecordError):
            letters.append(refuse(topic, partition, offset, result))
        else:
            offsets.append(offset)
            transactions.append(result)
    start, stop = records[0][0], records[-1][0] + 1
    return Entry("transactions", partition, start, stop, offsets, transactions, letters=letters)


def admit_labels(partition: int, start: int, stop: int, known: Sequence[Known]) -> Entry:
    """An entry of labels whose transactions are known, by source offset."""
    kind: Kind = "labels"
    return Entry(
        kind,
        partition,
        start,
        stop,
        [offset for offset, _, _ in known],
        [transaction for _, _, transaction in known],
        [LabelMark(label.is_fraud, label.label_time, label.source) for _, label, _ in known],
    )
