"""The graph that people look at, over Bolt: Neo4j, or the embedded store, by the same queries.

It is built from the record and holds nothing that the record does not: ``apply`` adds a portion of the
record's log and, in the same transaction, notes how far the stream has come. A portion that comes again is
seen by that note and skipped, so counts stay exact however often a writer is cut off; a store that has lost
its last transactions, note and all, is simply given them again.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from neo4j import Driver, ManagedTransaction

from fraud.errors import StoreError
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind
from graph.connection import GraphConnection, rows
from graph.expansion import Choice, Wanted, choices, degrees, expanded
from graph.portion import (
    Row,
    edge_rows,
    evidence_rows,
    label_rows,
    node_rows,
    ring_link_rows,
    ring_rows,
    to_micros,
    transaction_rows,
)
from graph.schema import make_constraints
from graph.subgraph import NodeKey, Subgraph
from graph.surroundings import nodes_around, ring_members, ring_with_ties

__all__ = ["GraphStore"]

LEASE_SECONDS = 10.0
"""How long the store waits for a writer that has gone silent before it takes from another."""


COUNTS = {
    "MATCH (n:{}) RETURN count(n)": ("Account", "Merchant", "Device", "IP", "Ring", "Transaction"),
    "MATCH ()-[r:{}]->() RETURN count(r)": ("PAID", "USES", "FROM", "MADE", "MEMBER_OF", "RESTS_ON"),
}
"""Statements of one label or type each are answered from the engines' own counters."""


class GraphStore(GraphConnection):
    """One door to the stored graph; safe to share between threads."""

    def __init__(
        self,
        driver: Driver,
        database: str,
        *,
        query_seconds: float = 30.0,
        keeper: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(driver, database, query_seconds=query_seconds, keeper=keeper)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        """Who we are among the writers of this store."""

    def prepare(self) -> None:
        """Make the constraints and their indexes where they are missing, or half made."""
        make_constraints(self)

    def position(self, stream: str) -> int:
        """The last batch of a stream that the graph holds, 0 before the first."""
        return self.positions().get(stream, 0)

    def positions(self) -> dict[str, int]:
        """The last batch that the graph holds of each stream."""
        return {row["stream"]: row["batch"] for row in self.read(lambda work: rows(work, "streams"))}

    def apply(
        self,
        stream: str,
        portion: Following,
        evidence: Iterable[DecidedTransaction] = (),
        passing: Iterable[DecidedTransaction] = (),
    ) -> bool:
        """Add a portion of the record's log; False when the graph has it already, or another writer is at work.

        ``evidence`` are transactions to be kept one by one beside those that were not approved; ``passing`` ones are
        kept until a retention takes them. Portions come in order; the first call makes this store's ``holder`` the
        one writer, until it is silent for ``LEASE_SECONDS`` or gives way.
        """
        queries = list(_write_queries(portion, evidence, passing))
        newest = max((to_micros(one.event_time) for one in portion.transactions), default=None)

        def add(work: ManagedTransaction) -> bool:
            rows(work, "take_turn")
            if not rows(work, "hold_lease", holder=self.holder, lease=int(1e3 * LEASE_SECONDS))[0]["held"]:
                return False
            there = rows(work, "stream_position", stream=stream)
            if (there[0]["batch"] if there else 0) != portion.after:
                return False
            for name, changes in queries:
                rows(work, name, rows=changes)
            rows(work, "advance_stream", stream=stream, batch=portion.batch_id, time=newest)
            return True

        return self.write(add)

    def give_way(self) -> None:
        """Let another writer begin at once, where this one was at work."""

        self.write(lambda work: rows(work, "end_lease", holder=self.holder))

    def writer(self) -> str | None:
        """Who is the one writer at the moment, or None."""
        found = self.read(lambda work: rows(work, "writer"))
        return found[0]["holder"] if found else None

    def around(
        self, kind: NodeKind, node_id: str, *, hops: int = 2, fan_out: int = 25, limit: int = 200
    ) -> Subgraph:
        """The neighbourhood of a node, at most ``hops`` away (1 or 2) and ``limit`` nodes; empty when it is
        unknown.

        At most ``fan_out`` relationships are followed at any one node, so that a hub costs what a small node
        costs.
        """
        if hops not in (1, 2):
            raise StoreError(f"graph: hops {hops} is not 1 or 2")
        starts = [NodeKey(kind, node_id)]
        return self.read(lambda work: nodes_around(work, starts, hops=hops, fan_out=fan_out, limit=limit))

    def ring(self, ring_id: str, *, limit: int = 200) -> Subgraph:
        """The members of a ring, the highest scores first, and what ties them together; empty when it is unknown."""
        return self.read(lambda work: ring_with_ties(work, ring_id, limit))

    def ring_surroundings(self, ring_id: str, *, fan_out: int = 12, limit: int = 200) -> Subgraph:
        """A ring and whatever its members touch directly, at most ``fan_out`` relationships each."""

        def ask(work: ManagedTransaction) -> Subgraph:
            roles = ring_members(work, ring_id, limit)
            return nodes_around(work, list(roles), hops=1, fan_out=fan_out, limit=limit, roles=roles)

        return self.read(ask)

    def choices(self, key: NodeKey) -> list[Choice]:
        """What there is to follow at a node, by the kind of the other end; counts stop where a hub begins."""
        return self.read(lambda work: choices(work, key))

    def expand(self, key: NodeKey, wanted: Wanted, shown: Collection[NodeKey] = ()) -> Subgraph:
        """Neighbours of a node beyond those ``shown``, and their relationships with all of them."""
        return self.read(lambda work: expanded(work, key, wanted, shown))

    def degrees(self, keys: Sequence[NodeKey], most: int = 50) -> dict[NodeKey, int]:
        """How many relationships nodes have, counted up to ``most`` each."""
        return self.read(lambda work: degrees(work, keys, most))

    def totals(self) -> dict[str, tuple[int, int, float]]:
        """By relationship type: how many relationships, the transactions they stand for, and their amount."""
        found = self.read(lambda work: rows(work, "totals"))
        return {r["type"]: (r["relationships"], r["transactions"], r["amount"]) for r in found}

    def counts(self) -> dict[str, int]:
        """How many nodes there are of each label, and relationships of each type."""

        def ask(work: ManagedTransaction) -> dict[str, int]:
            return {
                name: work.run(query.format(name)).single(strict=True)[0]
                for query, names in COUNTS.items()
                for name in names
            }

        return self.read(ask)


def _write_queries(
    portion: Following, evidence: Iterable[DecidedTransaction], passing: Iterable[DecidedTransaction]
) -> Iterator[tuple[str, list[Row]]]:
    """The queries that a portion needs, nodes before the relationships that rest on them."""
    queries = [(f"write_{kind.value}s", rows) for kind, rows in node_rows(portion.transactions).items()]
    queries += edge_rows(portion.transactions).items()
    ids = [{"id": ring.ring_id} for ring in portion.rings]
    evidence_of_rings = evidence_rows(portion.rings)
    queries += [("clear_evidence", ids), ("clear_rings", ids), ("write_rings", ring_rows(portion.rings))]
    queries += [("link_rings", ring_link_rows(portion.rings)), ("write_evidence", evidence_of_rings)]
    queries.append(("write_transactions", transaction_rows(portion.transactions, evidence, passing)))
    queries.append(("label_transactions", label_rows(portion.labels)))
    queries.append(("link_evidence", evidence_of_rings))
    return ((name, rows) for name, rows in queries if rows)
