"""The graph that people look at, over Bolt: Neo4j, or the embedded store, by the same queries.

It is built from the record and holds nothing that the record does not: ``apply`` adds a portion of the
record's log and, in the same transaction, notes how far the stream has come. A portion that comes again is
seen by that note and skipped, so counts stay exact however often a writer is cut off; a store that has lost
its last transactions, note and all, is simply given them again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import Any, Self, TypeVar

from neo4j import Driver, GraphDatabase, ManagedTransaction
from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError

from fraud.errors import SettingsError, StoreError, StoreUnavailable
from fraud.record_rows import DecidedTransaction, Following
from fraud.ring import NodeKind
from graph.portion import Row, edge_rows, from_micros, node_rows, ring_rows, transaction_rows
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

__all__ = ["GraphStore"]

Result = TypeVar("Result")

CONSTRAINT_FAILED = "Neo.ClientError.Schema.ConstraintValidationFailed"
"""Raised when two writers make the same node at once: it passes when tried again, though no driver says so."""

CONFLICT_TRIES = 5
LABELS = {
    NodeKind.ACCOUNT: "Account",
    NodeKind.MERCHANT: "Merchant",
    NodeKind.DEVICE: "Device",
    NodeKind.IP: "IP",
}
KINDS = {label: kind for kind, label in LABELS.items()}


class GraphStore:
    """One door to the stored graph; safe to share between threads."""

    def __init__(self, driver: Driver, database: str, keeper: Callable[[], object] | None = None) -> None:
        self.driver = driver
        self.database = database
        self._keeper = keeper

    @classmethod
    def connect(
        cls,
        uri: str,
        user: str,
        password: str,
        database: str,
        *,
        patience: float = 5.0,
        keeper: Callable[[], object] | None = None,
    ) -> Self:
        """Open a store; connections are made when first needed.

        ``uri`` chooses encryption and routing as the driver documents (``bolt``, ``neo4j+s``, …).
        ``patience`` is how many seconds a lost connection or a transient refusal is tried again before
        StoreUnavailable.
        """
        try:
            driver = GraphDatabase.driver(
                uri,
                auth=(user, password),
                connection_timeout=patience,
                connection_acquisition_timeout=patience + 5.0,
                max_transaction_retry_time=patience,
            )
        except (ConfigurationError, ValueError) as error:
            raise SettingsError(f"RINGFENCE_GRAPH__URI: {error}") from error
        return cls(driver, database, keeper)

    def prepare(self) -> None:
        """Make the constraints and their indexes where they are missing."""
        for statement in filter(str.strip, _cypher("schema").split(";")):
            with _graph_errors():
                self.driver.execute_query(statement, database_=self.database)

    def ping(self) -> None:
        """Return when the store answers; raises StoreUnavailable or StoreError."""
        self._read(lambda work: _rows(work, "ping"))

    def position(self, stream: str) -> int:
        """The last batch of a stream that the graph holds, 0 before the first."""
        rows = self._read(lambda work: _rows(work, "stream_position", stream=stream))
        return int(rows[0]["batch"]) if rows else 0

    def apply(self, stream: str, portion: Following, evidence: Iterable[DecidedTransaction] = ()) -> bool:
        """Add a portion of the record's log; False when the graph has it already.

        ``evidence`` are transactions that rings of the portion point to. One writer a stream; portions in
        order.
        """
        queries = list(_write_queries(portion, evidence))

        def add(work: ManagedTransaction) -> bool:
            if _rows(work, "lock_stream", stream=stream)[0]["batch"] != portion.after:
                return False
            for name, rows in queries:
                work.run(_cypher(name), rows=rows).consume()
            work.run(_cypher("advance_stream"), stream=stream, batch=portion.batch_id).consume()
            return True

        return self._write(add)

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
        return self._read(lambda work: _around(work, [NodeKey(kind, node_id)], hops, fan_out, limit))

    def ring(self, ring_id: str, *, limit: int = 200) -> Subgraph:
        """The members of a ring, the highest scores first, and what ties them together; empty when it is unknown."""
        return self._read(lambda work: _ring(work, ring_id, limit))

    def ring_surroundings(self, ring_id: str, *, fan_out: int = 12, limit: int = 200) -> Subgraph:
        """A ring and whatever its members touch directly, at most ``fan_out`` relationships each."""

        def ask(work: ManagedTransaction) -> Subgraph:
            ring = _ring(work, ring_id, limit)
            roles = {node.key: node.role for node in ring.nodes}
            return _around(work, list(roles), 1, fan_out, limit, roles) if roles else ring

        return self._read(ask)

    def totals(self) -> dict[str, tuple[int, int, float]]:
        """By relationship type: how many relationships, the transactions they stand for, and their amount."""
        rows = self._read(lambda work: _rows(work, "totals"))
        return {r["type"]: (r["relationships"], r["transactions"], r["amount"]) for r in rows}

    def revive(self) -> None:
        """Start the server again if this process keeps it and it is down; raises ServiceError when that fails."""
        if self._keeper is not None:
            self._keeper()

    def close(self) -> None:
        """Close the connections; the store can't be used afterwards."""
        self.driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, ask: Callable[[ManagedTransaction], Result]) -> Result:
        with _graph_errors(), self.driver.session(database=self.database) as session:
            return session.execute_read(ask)

    def _write(self, change: Callable[[ManagedTransaction], Result]) -> Result:
        """Run a change in one transaction; the driver tries again what it calls retryable, we what it does not."""
        for attempt in range(1, CONFLICT_TRIES + 1):
            try:
                with _graph_errors(), self.driver.session(database=self.database) as session:
                    return session.execute_write(change)
            except StoreError as error:
                code = getattr(error.__cause__, "code", None)
                if code != CONSTRAINT_FAILED or attempt == CONFLICT_TRIES:
                    raise
                time.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")


@cache
def _cypher(name: str) -> str:
    """The statement in a file, without the comment on top."""
    text = (files("graph") / "cypher" / f"{name}.cypher").read_text(encoding="utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("//"))


def _rows(work: ManagedTransaction, query: str, **parameters: Any) -> list[Row]:
    return [record.data() for record in work.run(_cypher(query), parameters)]


def _write_queries(
    portion: Following, evidence: Iterable[DecidedTransaction]
) -> Iterator[tuple[str, list[Row]]]:
    """The queries that a portion needs, nodes before the relationships that rest on them."""
    queries = [(f"write_{kind.value}s", rows) for kind, rows in node_rows(portion.transactions).items()]
    queries += edge_rows(portion.transactions).items()
    rings = ring_rows(portion.rings)
    queries += [("clear_rings", rings), ("write_rings", rings)]
    queries.append(("write_transactions", transaction_rows(portion.transactions, evidence)))
    return ((name, rows) for name, rows in queries if rows)


def _around(
    work: ManagedTransaction,
    starts: list[NodeKey],
    hops: int,
    fan_out: int,
    limit: int,
    roles: dict[NodeKey, str] | None = None,
) -> Subgraph:
    seen = dict.fromkeys(starts)  # a dict keeps the order of discovery
    edges: dict[tuple[NodeKey, NodeKey, str], GraphEdge] = {}
    cut: set[NodeKey] = set()
    frontier = starts
    for _ in range(hops):
        reached: dict[NodeKey, None] = {}
        for kind in NodeKind:
            ids = [key.node_id for key in frontier if key.kind is kind]
            if not ids:
                continue
            found = _rows(work, f"neighbours_of_{kind.value}s", ids=ids, fan_out=fan_out)
            counts = dict.fromkeys(ids, 0)
            for edge in map(_edge, found):
                edges[edge.source, edge.target, edge.type] = edge
                for key in (edge.source, edge.target):
                    reached[key] = None
                    if key.kind is kind and key.node_id in counts:
                        counts[key.node_id] += 1
            cut.update(NodeKey(kind, node_id) for node_id, count in counts.items() if count >= fan_out)
        frontier = [key for key in reached if key not in seen][: limit - len(seen)]
        seen.update(dict.fromkeys(frontier))
    nodes = _nodes(work, list(seen), roles)
    known = {node.key for node in nodes}
    inside = (edge for edge in edges.values() if edge.source in known and edge.target in known)
    return Subgraph(tuple(nodes), tuple(inside), frozenset(cut & known))


def _ring(work: ManagedTransaction, ring_id: str, limit: int) -> Subgraph:
    members = _rows(work, "ring_members", ring=ring_id, limit=limit)
    roles = {NodeKey(KINDS[m["label"]], m["id"]): m["role"] for m in members}
    edges = [_edge(row) for row in _rows(work, "ring_edges", ring=ring_id, limit=10 * limit)]
    inside = tuple(edge for edge in edges if edge.source in roles and edge.target in roles)
    return Subgraph(tuple(_nodes(work, list(roles), roles)), inside)


def _nodes(
    work: ManagedTransaction, keys: list[NodeKey], roles: dict[NodeKey, str] | None = None
) -> list[GraphNode]:
    found: dict[NodeKey, GraphNode] = {}
    for kind in NodeKind:
        ids = [key.node_id for key in keys if key.kind is kind]
        for row in _rows(work, f"{kind.value}s", ids=ids) if ids else ():
            key = NodeKey(kind, row["id"])
            found[key] = GraphNode(
                key=key,
                transactions=row["transactions"] or 0,
                held=row["held"] or 0,
                worst=row["worst"] or 0.0,
                first=from_micros(row["first"]),
                last=from_micros(row["last"]),
                rings=tuple(sorted(row["rings"])),
                role=(roles or {}).get(key, ""),
            )
    return [found[key] for key in keys if key in found]


def _edge(row: Row) -> GraphEdge:
    first, last = from_micros(row["first"]), from_micros(row["last"])
    if first is None or last is None:
        raise StoreError(
            f"graph: a {row['type']} relationship lacks its times; build the graph anew from the record"
        )
    return GraphEdge(
        source=NodeKey(KINDS[row["source_label"]], row["source_id"]),
        target=NodeKey(KINDS[row["target_label"]], row["target_id"]),
        type=row["type"],
        count=row["count"],
        amount=row["amount"],
        first=first,
        last=last,
    )


@contextmanager
def _graph_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, by its own word on what may pass when tried again."""
    try:
        yield
    except AuthError as error:
        raise StoreError(
            "graph: user or password refused; check RINGFENCE_GRAPH__USER and __PASSWORD"
        ) from error
    except (Neo4jError, DriverError) as error:
        text = str(error).splitlines()[0]
        if error.is_retryable():
            raise StoreUnavailable(f"graph: the store does not answer ({text}); it is tried again") from error
        raise StoreError(f"graph: {text}") from error
    except OSError as error:
        raise StoreUnavailable(f"graph: the connection was lost ({error})") from error
