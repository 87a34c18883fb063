"""The worker's engine: takes ledger entries into the state and decides the rows of the partitions that it owns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fraud.dead_letter import DeadLetter
from fraud.transaction import Transaction
from graph.events import from_labels, from_ring_marks, from_transactions
from models.scorer import Scorer
from stream.ledger import Entry, Source
from stream.pipeline import Pipeline, Step
from stream.scored import PlacedSuspicion
from stream.state import Fresh, LedgerState

__all__ = ["Decided", "Engine", "Taken"]


@dataclass(frozen=True, slots=True)
class Decided:
    """Transactions that this worker decided in one go; row i of ``step`` is ``transactions[i]``."""

    step: Step
    transactions: list[Transaction]
    partitions: list[int]
    """Source partition of each."""
    offsets: list[int]
    """Source offset of each."""
    ledgers: list[int]
    """Ledger offset of the entry of each."""

    def placed_suspicions(self) -> list[PlacedSuspicion]:
        """The suspicions with their places in the ledger, in its order."""
        rows = zip(self.step.suspected, self.step.suspicions, strict=True)
        return [PlacedSuspicion(self.ledgers[row], self.offsets[row], one) for row, one in rows]


@dataclass(slots=True)
class Taken:
    """What came of a run of entries."""

    position: int
    """Ledger offset of the next entry."""
    decided: list[Decided] = field(default_factory=list)
    repeated: list[tuple[int, int, Transaction]] = field(default_factory=list)
    """Partition, offset and content of owned transactions that came again under an id already seen."""
    letters: list[DeadLetter] = field(default_factory=list)
    """Of refused records of the owned partitions."""
    settled: dict[Source, int] = field(default_factory=dict)
    """Of the owned partitions: source offset below which everything is now decided or refused."""
    reached: dict[Source, int] = field(default_factory=dict)
    """Of all partitions: source offset below which the ledger has told of everything by now."""
    events: int = 0
    """Events that moved the state, scored here or not."""

    @property
    def partitions(self) -> list[int]:
        """The owned partitions of the transactions topic, ascending."""
        return sorted(partition for kind, partition in self.settled if kind == "transactions")

    @property
    def rows(self) -> int:
        """How many transactions were decided."""
        return sum(len(one.transactions) for one in self.decided)

    def add(self, later: Taken) -> None:
        """What came of the run of entries after this one, taken while the same partitions were owned."""
        self.position = later.position
        self.decided += later.decided
        self.repeated += later.repeated
        self.letters += later.letters
        self.settled |= later.settled
        self.reached |= later.reached
        self.events += later.events


class Engine:
    """State, pipeline and the partitions to score, in one thread; knows nothing of Kafka or of the record."""

    def __init__(self, state: LedgerState, scorer: Scorer) -> None:
        self.state = state
        self.pipeline = Pipeline(state.graph, scorer)
        self.owned: dict[int, int] = {}
        """Transaction partitions to score, each from which source offset on."""

    def own(self, decided: dict[int, int]) -> bool:
        """Score these partitions from now on, each from the source offset below which all is decided.

        False when the state is already past undecided rows: it is then to be taken back to a snapshot before them.
        """
        self.owned = dict(decided)
        settled = self.state.settled
        return all(settled.get(("transactions", p), 0) <= offset for p, offset in decided.items())

    def look(self, payments: Sequence[Transaction]) -> list[float]:
        """The score that each would get if it came now, alone: nothing is taken in."""
        return self.pipeline.look(from_transactions(payments))

    def take(self, entries: Sequence[tuple[int, Entry]]) -> Taken:
        """Take in entries (ledger offset, entry) in their order."""
        runs = self.state.sift(entries)
        taken = Taken(self.state.position, reached=dict(self.state.settled))
        for fresh in runs:
            taken.events += len(fresh.transactions) + len(fresh.marks)
            if fresh.marks:
                self.pipeline.warm(from_ring_marks(fresh.marks))
            elif fresh.labels:
                self._take_labels(fresh)
            else:
                self._take_transactions(fresh, taken)
        for partition in self.owned:
            source: Source = ("transactions", partition)
            taken.settled[source] = max(self.state.settled.get(source, 0), self.owned[partition])
        return taken

    def _take_labels(self, fresh: Fresh) -> None:
        is_fraud = [mark.is_fraud for mark in fresh.labels]
        self.pipeline.warm(
            from_labels(fresh.transactions, is_fraud, [mark.known_at for mark in fresh.labels])
        )

    def _take_transactions(self, fresh: Fresh, taken: Taken) -> None:
        owned = self.owned
        taken.repeated += [
            (partition, offset, transaction)
            for partition, offset, transaction in fresh.repeated
            if partition in owned and offset >= owned[partition]
        ]
        taken.letters += [
            letter
            for partition, letter in fresh.letters
            if partition in owned and letter.position >= owned[partition]
        ]
        if not fresh.transactions:
            return
        events = from_transactions(fresh.transactions)
        mine = [
            row
            for row, (partition, offset) in enumerate(zip(fresh.partitions, fresh.offsets, strict=True))
            if partition in owned and offset >= owned[partition]
        ]
        if not mine:
            self.pipeline.warm(events)
            return
        ids = [one.transaction_id for one in fresh.transactions]
        if len(mine) == len(ids):
            step = self.pipeline.process(events, ids)
            decided = Decided(step, fresh.transactions, fresh.partitions, fresh.offsets, fresh.ledgers)
        else:
            step = self.pipeline.process(events, ids, np.array(mine, dtype=np.int64))
            decided = Decided(
                step,
                [fresh.transactions[row] for row in mine],
                [fresh.partitions[row] for row in mine],
                [fresh.offsets[row] for row in mine],
                [fresh.ledgers[row] for row in mine],
            )
        taken.decided.append(decided)
