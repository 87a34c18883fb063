"""What lies around a node, and what ties a ring together: read so that a hub costs what a small node costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neo4j import ManagedTransaction

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.connection import rows
from graph.portion import Row, from_micros
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

__all__ = ["nodes_around", "ring_members", "ring_with_ties"]

KINDS = {
    "Account": NodeKind.ACCOUNT,
    "Merchant": NodeKind.MERCHANT,
    "Device": NodeKind.DEVICE,
    "IP": NodeKind.IP,
}

MOST_LOOKED_THROUGH = 250
"""Relationships looked through at one account for those that end at a member; beyond it members are asked for one
by one, which costs a lookup each but does not grow with the account."""

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
    """Nodes at most ``hops`` from the starts, ``limit`` at most, at each ``fan_out`` relationships followed."""
    seen = dict.fromkeys(starts)  # a dict keeps the order of discovery
    edges: Edges = {}
    cut: set[NodeKey] = set()
    frontier = list(starts)
    for _ in range(hops):
        found, full = _step(work, frontier, fan_out)
        edges |= found
        cut |= full
        reached = dict.fromkeys(key for edge in found for key in edge[:2])
        frontier = [key for key in reached if key not in seen][: limit - len(seen)]
        seen.update(dict.fromkeys(frontier))
    nodes = _nodes(work, list(seen), roles or {})
    known = {node.key for node in nodes}
    return Subgraph(tuple(nodes), _among(edges, known), frozenset(cut & known))


def ring_members(work: ManagedTransaction, ring_id: str, limit: int) -> dict[NodeKey, str]:
    """Members of a ring with their roles, the highest scores first."""
    found = rows(work, "ring_members", ring=ring_id, limit=limit)
    return {NodeKey(KINDS[row["label"]], row["id"]): row["role"] for row in found}


def ring_with_ties(work: ManagedTransaction, ring_id: str, limit: int) -> Subgraph:
    """A ring's members and the relationships among them."""
    roles = ring_members(work, ring_id, limit)
    accounts = [key.node_id for key in roles if key.kind is NodeKind.ACCOUNT]
    members = [key.node_id for key in roles]
    hubs = []
    edges: Edges = {}
    for row in rows(work, "ring_ties", accounts=accounts, members=members, most=MOST_LOOKED_THROUGH):
        if row["seen"] == MOST_LOOKED_THROUGH:
            hubs.append(row["account"])
        else:
            edges |= _by_ends(row["ties"])
    for kind in NodeKind if hubs else ():
        ids = [key.node_id for key in roles if key.kind is kind]
        edges |= _by_ends(rows(work, f"ties_to_{kind.value}s", accounts=hubs, ids=ids))
    return Subgraph(tuple(_nodes(work, list(roles), roles)), _among(edges, roles.keys()))


def _step(work: ManagedTransaction, frontier: Sequence[NodeKey], fan_out: int) -> tuple[Edges, set[NodeKey]]:
    """Relationships of the nodes, and which nodes have at least ``fan_out``."""
    edges: Edges = {}
    full: set[NodeKey] = set()
    for kind in NodeKind:
        ids = [key.node_id for key in frontier if key.kind is kind]
        if not ids:
            continue
        for row in rows(work, f"neighbours_of_{kind.value}s", ids=ids, fan_out=fan_out):
            edges |= _by_ends(row["ties"])
            if len(row["ties"]) >= fan_out:
                full.add(NodeKey(kind, row["id"]))
    return edges, full


def _nodes(work: ManagedTransaction, keys: Sequence[NodeKey], roles: dict[NodeKey, str]) -> list[GraphNode]:
    found: dict[NodeKey, GraphNode] = {}
    for kind in NodeKind:
        ids = [key.node_id for key in keys if key.kind is kind]
        for row in rows(work, f"{kind.value}s", ids=ids) if ids else ():
            key = NodeKey(kind, row["id"])
            found[key] = GraphNode(
                key=key,
                transactions=row["transactions"] or 0,
                held=row["held"] or 0,
                worst=row["worst"] or 0.0,
                first=from_micros(row["first"]),
                last=from_micros(row["last"]),
                rings=tuple(sorted(row["rings"])),
                role=roles.get(key, ""),
            )
    return [found[key] for key in keys if key in found]


def _among(edges: Edges, known: Iterable[NodeKey]) -> tuple[GraphEdge, ...]:
    inside = set(known)
    return tuple(edge for edge in edges.values() if edge.source in inside and edge.target in inside)


def _by_ends(ties: Iterable[Row]) -> Edges:
    return {(edge.source, edge.target, edge.type): edge for edge in map(_edge, ties)}


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
