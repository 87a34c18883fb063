"""Growing a picture of the graph at one node: what there is to follow, and the neighbours that a person asked for.

Of a hub only so many relationships are looked at, any of them, and the answer says when there are more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from neo4j import ManagedTransaction

from fraud.ring import NodeKind
from graph.connection import rows
from graph.portion import from_micros, to_micros
from graph.subgraph import NodeKey, Subgraph
from graph.surroundings import KINDS, Edges, add_edge, among, by_kind, nodes_of, relationships

__all__ = ["Choice", "Wanted", "choices", "degrees", "expanded"]

MOST_LOOKED_AT = 5_000
"""Relationships of one node and kind that are looked at for those asked for."""

TIES_OF_NEIGHBOURS = 40
"""Relationships of a new neighbour that are looked at for ties to what is shown already."""

ANY_TIME = -(2**62)


class Choice(msgspec.Struct, frozen=True):
    """What there is to follow at a node towards one kind of other end."""

    kind: NodeKind
    count: int
    """Relationships, at most as many as were looked at."""
    more: bool
    """Whether there may be more than were looked at."""
    last: datetime
    largest: float


class Wanted(msgspec.Struct, frozen=True):
    """Which neighbours a person asked for: towards these kinds, used since a time, of at least an amount."""

    kinds: tuple[NodeKind, ...] = tuple(NodeKind)
    since: datetime | None = None
    least: float = 0.0
    limit: int = 25


def choices(work: ManagedTransaction, key: NodeKey) -> list[Choice]:
    """What there is to follow at a node, by kind; empty for a node that is unknown or alone."""
    found = rows(work, "expand_counts", most=MOST_LOOKED_AT, of=_ways(key, NodeKind))
    return [
        Choice(KINDS[row["label"]], row["count"], row["count"] >= MOST_LOOKED_AT, last, row["largest"] or 0.0)
        for row in found
        if (last := from_micros(row["last"])) is not None
    ]


def expanded(
    work: ManagedTransaction, key: NodeKey, wanted: Wanted, shown: Collection[NodeKey] = ()
) -> Subgraph:
    """Neighbours of a node that are not shown yet, those that most money ties first, and the relationships between
    them and all that is shown; without the node itself.
    """
    since = ANY_TIME if wanted.since is None else to_micros(wanted.since)
    ids = sorted({other.node_id for other in shown})
    edges: Edges = {}
    amounts: dict[NodeKey, float] = {}
    ways = _ways(key, wanted.kinds)
    found = rows(
        work, "expand", since=since, least=wanted.least, shown=ids, most=MOST_LOOKED_AT, limit=wanted.limit, of=ways
    )  # fmt: skip
    for row in found:
        for is_source, other_id, *values in row["ties"]:
            other = NodeKey(KINDS[row["label"]], other_id)
            if other != key:
                add_edge(edges, *((key, other) if is_source else (other, key)), values)
                amounts[other] = max(amounts.get(other, 0.0), float(values[2]))
    neighbours = _fairly(amounts, wanted.limit)
    if not neighbours:
        return Subgraph((), ())
    known = {key, *neighbours, *shown}
    further, full = relationships(work, neighbours, TIES_OF_NEIGHBOURS)
    ties = [
        edge for edge in among({**further, **edges}, known) if {edge.source, edge.target} & neighbours.keys()
    ]
    return Subgraph(tuple(nodes_of(work, list(neighbours))), tuple(ties), frozenset(full & neighbours.keys()))


def degrees(work: ManagedTransaction, keys: Sequence[NodeKey], most: int) -> dict[NodeKey, int]:
    """How many relationships nodes have, counted up to ``most``; unknown nodes have none."""
    return {
        NodeKey(KINDS[row["label"]], node_id): degree
        for row in rows(work, "degrees", most=most, of=by_kind(keys))
        for node_id, degree in row["found"]
    }


def _ways(key: NodeKey, kinds: Iterable[NodeKind]) -> Mapping[str, list[str]]:
    """The parameters of the queries that follow a node towards the kinds."""
    ways: dict[str, list[str]] = {name: [] for name in (*FROM_ACCOUNT.values(), *TO_ACCOUNTS.values())}
    if key.kind is NodeKind.ACCOUNT:
        for kind in kinds:
            ways[FROM_ACCOUNT[kind]] = [key.node_id]
    elif NodeKind.ACCOUNT in kinds:
        ways[TO_ACCOUNTS[key.kind]] = [key.node_id]
    return ways


FROM_ACCOUNT = {
    NodeKind.MERCHANT: "purchases",
    NodeKind.ACCOUNT: "transfers",
    NodeKind.DEVICE: "uses",
    NodeKind.IP: "origins",
}

TO_ACCOUNTS = {NodeKind.MERCHANT: "merchants", NodeKind.DEVICE: "devices", NodeKind.IP: "ips"}


def _fairly(amounts: Mapping[NodeKey, float], limit: int) -> dict[NodeKey, None]:
    """At most ``limit`` of the nodes, the kinds by turns so that none is crowded out, the largest amounts first."""
    waiting = {kind: [key for key in amounts if key.kind is kind] for kind in NodeKind}
    for keys in waiting.values():
        keys.sort(key=lambda key: (-amounts[key], key))
    places = [(place, key) for keys in waiting.values() for place, key in enumerate(keys)]
    return dict.fromkeys(key for _, key in sorted(places)[:limit])
