"""Ages old history out of the graph store: in small transactions, beside the writer, and never what is still open.

Only the graph is thinned: the record keeps its decisions. What open alerts and rings are about stays whole, however
old: the transactions and relationships of their members and subjects.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from neo4j import ManagedTransaction

from fraud.alert import Subject
from fraud.record_reader import RecordReader
from fraud.ring import NodeKind
from graph.connection import rows
from graph.pages import id_pages
from graph.portion import to_micros
from graph.store import GraphStore

__all__ = ["Open", "Removed", "retain", "still_open"]

AT_ONCE = 1_000
"""Nodes or relationships removed in one transaction, at most."""

MOST_ALERTS = 1_000_000


class Open(msgspec.Struct, frozen=True):
    """What people still work on: rings, and the ids of the nodes that the open alerts are about."""

    ring_ids: frozenset[str] = frozenset()
    node_ids: frozenset[str] = frozenset()


class Removed(msgspec.Struct):
    """What a sweep took away, or would take; ``nodes`` are those that nothing tied to the graph any more."""

    transactions: int = 0
    relationships: int = 0
    rings: int = 0
    nodes: int = 0

    def __str__(self) -> str:
        counts = msgspec.structs.asdict(self).items()
        return ", ".join(f"{count:,} {name}" for name, count in counts)


def still_open(record: RecordReader) -> Open:
    """What the alerts that are open or in review are about."""
    rings: set[str] = set()
    nodes: set[str] = set()
    for alert in record.alert_queue(limit=MOST_ALERTS):
        if alert.subject is Subject.RING:
            rings.add(alert.subject_id)
            nodes.update(member.member_id for member in record.ring_members(alert.subject_id))
        else:
            nodes.add(alert.subject_id)
    return Open(frozenset(rings), frozenset(nodes))


def retain(
    store: GraphStore,
    before: datetime,
    kept: Open,
    *,
    passing_before: datetime | None = None,
    dry_run: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Removed:
    """Remove what was last used before a moment; with ``dry_run`` only count it, but for lonely nodes.

    Transactions that were kept in passing go when they are from before ``passing_before`` already.

    Each step is a transaction of its own that holds the store's turn to write, so a writer may work meanwhile and
    what it has just used again stays. ``go_on`` is asked between steps; after False the rest waits for the next sweep.
    """
    passing = to_micros(max(before, passing_before or before))
    sweep = _Sweep(store, to_micros(before), passing, kept, dry_run, go_on)
    sweep.transactions_and_relationships()
    sweep.rings()
    if not dry_run:
        sweep.lonely_nodes()
    return sweep.removed


class _Sweep:
    def __init__(
        self,
        store: GraphStore,
        before: int,
        passing: int,
        kept: Open,
        dry_run: bool,
        go_on: Callable[[], bool],
    ) -> None:
        self.store = store
        self.before = before
        self.passing = passing
        self.kept = kept
        self.verb = "count" if dry_run else "sweep"
        self.go_on = go_on
        self.removed = Removed()

    def transactions_and_relationships(self) -> None:
        """All that old payers did: every transaction and relationship begins at an account."""
        kept = list(self.kept.node_ids)
        for page in id_pages(self.store, NodeKind.ACCOUNT, self.go_on):
            ids = [one for one in page if one not in self.kept.node_ids]
            transactions, relationships = f"{self.verb}_old_transactions", f"{self.verb}_old_relationships"
            self.removed.transactions += self._repeat(transactions, ids=ids, kept=kept, passing=self.passing)
            self.removed.relationships += self._repeat(relationships, ids=ids, kept=kept)

    def rings(self) -> None:
        """Rings that nobody works on any more."""
        self.removed.rings = self._repeat(f"{self.verb}_old_rings", open=list(self.kept.ring_ids))

    def lonely_nodes(self) -> None:
        """Nodes that the steps before have left without any relationship."""
        for kind in NodeKind:
            for page in id_pages(self.store, kind, self.go_on):
                ids = [one for one in page if one not in self.kept.node_ids]
                self.removed.nodes += self._step(f"sweep_lonely_{kind.value}s", ids=ids)

    def _repeat(self, name: str, **parameters: object) -> int:
        """Steps of the same query until one finds less than it may take; a count needs only one."""
        total = 0
        while self.go_on():
            found = self._step(name, size=AT_ONCE, **parameters)
            total += found
            if found < AT_ONCE or self.verb == "count":
                break
        return total

    def _step(self, name: str, **parameters: object) -> int:
        def remove(work: ManagedTransaction) -> int:
            rows(work, "take_turn")
            return int(rows(work, name, before=self.before, **parameters)[0]["removed"])

        def count(work: ManagedTransaction) -> int:
            return int(rows(work, name, before=self.before, **parameters)[0]["removed"])

        return self.store.read(count) if name.startswith("count") else self.store.write(remove)
