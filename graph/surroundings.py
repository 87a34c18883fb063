"""What lies around a node, and what ties a ring together: read so that a hub costs what a small node costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from neo4j import ManagedTransaction

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.connection import rows
from graph.portion import from_micros
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

__all__ = [
    "KINDS",
    "Edges",
    "add_edge",
    "among",
    "by_kind",
    "nodes_around",
    "nodes_of",
    "relationships",
    "ring_members",
    "ring_with_ties",
]

KINDS = {
    "Account": NodeKind.ACCOUNT,
    "Merchant": NodeKind.MERCHANT,
    "Device": NodeKind.DEVICE,
    "IP": NodeKind.IP,
}

MOST_LOOKED_THROUGH = 250
"""Relationships looked through at one account for those that end at a member; beyond it members are asked for one
by one, which costs a lookup each but does not grow with the account."""

LEAST_FOLLOWED = 4
"""Relationships followed at a node of even the widest frontier."""

Edges = dict[tuple[NodeKey, NodeKey, str], GraphEdge]


def nodes_around(
    work: ManagedTransaction,
    starts: Sequence[NodeKey],
    *,
    hops: int,
    fan_out: int,
    limit: int,
    roles: dict[NodeKey, str] | None = None,
) -> Subgraph:
    """Nodes at most ``hops`` from the starts, ``limit`` at most, at each ``fan_out`` relationships followed at most."""
    seen = dict.fromkeys(starts)  # a dict keeps the order of discovery
    edges: Edges = {}
    cut: set[NodeKey] = set()
    frontier = list(starts)
    follow = fan_out
    for _ in range(hops):
        if not frontier:
            break
        found, full = relationships(work, frontier, follow)
        edges |= found
        cut |= full
        reached = dict.fromkeys(key for edge in found for key in edge[:2])
        room = max(limit - len(seen), 0)
        frontier = [key for key in reached if key not in seen][:room]
        seen.update(dict.fromkeys(frontier))
        # Of a wide frontier, twice the room that is left: what cannot be shown in any case is not fetched.
        follow = min(fan_out, max(2 * (limit - len(seen)) // max(len(frontier), 1), LEAST_FOLLOWED))
    nodes = nodes_of(work, list(seen), roles)
    known = {node.key for node in nodes}
    return Subgraph(tuple(nodes), among(edges, known), frozenset(cut & known))


def ring_members(work: ManagedTransaction, ring_id: str, limit: int) -> dict[NodeKey, str]:
    """Members of a ring with their roles, the highest scores first."""
    (row,) = rows(work, "ring_members", ring=ring_id, limit=limit)
    return {NodeKey(_kind(labels), node_id): role for labels, node_id, role in row["found"]}


def ring_with_ties(work: ManagedTransaction, ring_id: str, limit: int) -> Subgraph:
    """A ring's members and the relationships among them."""
    roles = ring_members(work, ring_id, limit)
    if not roles:
        return Subgraph((), ())
    of_kinds = by_kind(roles)
    members = dict.fromkeys((key.node_id for key in roles), True)
    hubs = []
    edges: Edges = {}
    (row,) = rows(
        work,
        "ring_ties",
        of={"payers": of_kinds["accounts"], "members": members},
        most=MOST_LOOKED_THROUGH,
    )
    for account, seen, ties in row["found"]:
        if seen == MOST_LOOKED_THROUGH:
            hubs.append(account)
            continue
        source = NodeKey(NodeKind.ACCOUNT, account)
        for labels, node_id, *values in ties:
            add_edge(edges, source, NodeKey(_kind(labels), node_id), values)
    for row in rows(work, "ties_of_hubs", of={"payers": hubs, **of_kinds}) if hubs else ():
        for account, node_id, *values in row["found"]:
            add_edge(edges, NodeKey(NodeKind.ACCOUNT, account), NodeKey(KINDS[row["label"]], node_id), values)
    return Subgraph(tuple(nodes_of(work, list(roles), roles)), among(edges, roles))


def _kind(labels: Iterable[str]) -> NodeKind:
    """The kind of a node, which may have the label of its standing beside it."""
    return next(KINDS[label] for label in labels if label in KINDS)


def by_kind(keys: Iterable[NodeKey]) -> dict[str, list[str]]:
    """Ids as the queries take nodes of all kinds.

    They go in one map: Neo4j plans a query anew for each combination of the lengths, by powers of ten, of lists that
    are parameters themselves, which takes some hundred milliseconds.
    """
    found: dict[str, list[str]] = {f"{kind.value}s": [] for kind in NodeKind}
    for key in keys:
        found[f"{key.kind.value}s"].append(key.node_id)
    return found


def relationships(
    work: ManagedTransaction, frontier: Iterable[NodeKey], fan_out: int
) -> tuple[Edges, set[NodeKey]]:
    """Up to ``fan_out`` relationships of each of the nodes, and which nodes have as many."""
    edges: Edges = {}
    full: set[NodeKey] = set()
    for row in rows(work, "neighbours", fan_out=fan_out, of=by_kind(frontier)):
        kind = KINDS[row["label"]]
        for node_id, ties in row["found"]:
            key = NodeKey(kind, node_id)
            for is_source, labels, other_id, *values in ties:
                other = NodeKey(_kind(labels), other_id)
                add_edge(edges, *((key, other) if is_source else (other, key)), values)
            if len(ties) >= fan_out:
                full.add(key)
    return edges, full


def nodes_of(
    work: ManagedTransaction, keys: Sequence[NodeKey], roles: Mapping[NodeKey, str] | None = None
) -> list[GraphNode]:
    """What is known of nodes, in the order given; unknown ones are left out."""
    roles = roles or {}
    found: dict[NodeKey, GraphNode] = {}
    for row in rows(work, "nodes", of=by_kind(keys)):
        for node_id, transactions, held, worst, first, last, rings in row["found"]:
            key = NodeKey(KINDS[row["label"]], node_id)
            found[key] = GraphNode(
                key=key,
                transactions=transactions or 0,
                held=held or 0,
                worst=worst or 0.0,
                first=from_micros(first),
                last=from_micros(last),
                rings=tuple(sorted(rings)),
                role=roles.get(key, ""),
            )
    return [found[key] for key in keys if key in found]


def among(edges: Edges, known: Collection[NodeKey]) -> tuple[GraphEdge, ...]:
    """The relationships both of whose ends are known."""
    return tuple(edge for edge in edges.values() if edge.source in known and edge.target in known)


def add_edge(edges: Edges, source: NodeKey, target: NodeKey, values: Sequence[Any]) -> None:
    """Take in a relationship from the values of a query: type, count, amount, first, last; raises StoreError."""
    type_, count, amount, first, last = values
    began, ended = from_micros(first), from_micros(last)
    if began is None or ended is None:
        raise StoreError(
            f"graph: a {type_} relationship lacks its times; build the graph anew from the record"
        )
    edges[source, target, type_] = GraphEdge(source, target, type_, count, amount, began, ended)
