"""The worker's state as a function of the ledger: online graph, source offsets taken in, transaction ids seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fraud.dead_letter import DeadLetter
from fraud.settings import Settings
from fraud.transaction import Transaction
from graph.online import OnlineGraph, detectors_of
from graph.ring_mark import RingMark
from graph.seen import SeenIds
from stream.ledger import Entry, LabelMark, Source

__all__ = ["Fresh", "LedgerState", "empty_state", "state_from"]


@dataclass(slots=True)
class Fresh:
    """Events of consecutive entries that the state has not seen, in ledger order, all of one kind."""

    transactions: list[Transaction] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    """Source partition of each."""
    offsets: list[int] = field(default_factory=list)
    """Source offset of each."""
    ledgers: list[int] = field(default_factory=list)
    """Ledger offset of the entry of each."""
    labels: list[LabelMark] = field(default_factory=list)
    """What the labels say; empty for transactions."""
    marks: list[RingMark] = field(default_factory=list)
    """What the ring desk says of accounts; then nothing else is there."""
    repeated: list[tuple[int, int, Transaction]] = field(default_factory=list)
    """Partition, offset and content of transactions whose id had been seen: they move nothing."""
    letters: list[tuple[int, DeadLetter]] = field(default_factory=list)
    """Partition and letter of what was refused."""


@dataclass(slots=True)
class LedgerState:
    """Everything that scoring depends on, and how far in the ledger it stands.

    Two workers whose state stands at the same ``position`` hold the same bits, whatever they scored and however often
    they were restarted.
    """

    graph: OnlineGraph
    seen: SeenIds
    position: int = 0
    """Ledger offset of the next entry to take in."""
    settled: dict[Source, int] = field(default_factory=dict)
    """For each source partition, the offset below which everything has been taken in."""

    def sift(self, entries: Iterable[tuple[int, Entry]]) -> list[Fresh]:
        """Note entries (ledger offset, entry), ascending, as taken in; returns what of them is new.

        The caller puts the returned events into the graph, in order.
        """
        runs: list[tuple[str, Fresh]] = []
        for offset, entry in entries:
            if offset < self.position:
                continue
            self.position = offset + 1
            known = self.settled.get(entry.source, 0)
            if entry.stop <= known:
                continue
            self.settled[entry.source] = entry.stop
            if not runs or runs[-1][0] != entry.kind:
                runs.append((entry.kind, Fresh()))
            _add(runs[-1][1], offset, entry, known)
        return [self._unseen(fresh) if kind == "transactions" else fresh for kind, fresh in runs]

    def _unseen(self, fresh: Fresh) -> Fresh:
        new = self.seen.admit([one.transaction_id for one in fresh.transactions])
        if new.all():
            return fresh
        kept = Fresh(letters=fresh.letters)
        rows = zip(
            fresh.transactions, fresh.partitions, fresh.offsets, fresh.ledgers, new.tolist(), strict=True
        )
        for transaction, partition, offset, ledger, is_new in rows:
            if is_new:
                kept.transactions.append(transaction)
                kept.partitions.append(partition)
                kept.offsets.append(offset)
                kept.ledgers.append(ledger)
            else:
                kept.repeated.append((partition, offset, transaction))
        return kept


def empty_state(settings: Settings) -> LedgerState:
    """The state of a ledger that nothing was put before, within the bounds of the settings."""
    return LedgerState(OnlineGraph.within(settings.online), SeenIds(settings.stream.seen_ids))


def state_from(found: LedgerState | None, settings: Settings) -> LedgerState:
    """What was found to go on from, or else the empty state; detectors are those of the settings in any case.

    One that was switched on since the state was saved knows nothing of what came before.
    """
    if found is None:
        return empty_state(settings)
    found.graph.detect(detectors_of(settings.online))
    return found


def _add(run: Fresh, ledger: int, entry: Entry, known: int) -> None:
    """Append what of an entry lies at or above the offset ``known``."""
    first = 0
    if entry.start < known:
        first = sum(offset < known for offset in entry.offsets)
    run.transactions += entry.transactions[first:]
    run.offsets += entry.offsets[first:]
    run.marks += entry.marks[first:]
    run.partitions += [entry.partition] * (len(entry.offsets) - first)
    run.ledgers += [ledger] * (len(entry.offsets) - first)
    run.labels += entry.labels[first:]
    run.letters += [(entry.partition, letter) for letter in entry.letters if letter.position >= known]
