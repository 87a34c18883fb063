"""What the canvas shows of a ring, an account or another node: from the graph store, or else from the record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from dashboard.canvas_elements import Marks, from_transactions, keys_of
from dashboard.desk import Desk, notice
from fraud.alert import Alert, Subject
from fraud.errors import StoreError
from fraud.ring import NodeKind, RingMember
from fraud.subject_standing import subject_standing
from graph.expansion import Choice, Wanted
from graph.subgraph import NodeKey, Subgraph
from graph.surroundings import among

__all__ = ["NEAR", "RING", "WIDE", "About", "Found", "banner", "choices", "expand", "read"]

MOST_NODES = 900
"""Of a ring; with its relationships about as many elements as the canvas moves smoothly."""

MOST_AROUND = 200
MOST_TRANSACTIONS = 500

RING = "ring"
NEAR, WIDE = "members", "around"
"""The scopes: what it is about, and neighbours too."""


class About(msgspec.Struct, frozen=True):
    """What a canvas is about: ``kind`` is "ring" or the kind of a node."""

    kind: str
    id: str

    @property
    def key(self) -> NodeKey | None:
        """The node, None for a ring."""
        return None if self.kind == RING else NodeKey(NodeKind(self.kind), self.id)


class Found(msgspec.Struct, frozen=True):
    """A subgraph, what is known of its nodes, and what there is to say about it."""

    subgraph: Subgraph
    marks: Marks
    note: str = ""


def read(desk: Desk, about: About, scope: str) -> Found:
    """What to draw; the record stands in for a graph store that is down or behind. Raises StoreError."""
    members = _members(desk, about)
    drawn, said = Subgraph((), ()), "The graph has not caught up with the record yet"
    if desk.graph is None:
        said = "The graph store is not running"
    else:
        try:
            drawn = _stored(desk, about, scope)
        except StoreError:
            said = "The graph store does not answer"
    note = ""
    if not drawn.nodes:
        drawn = from_transactions(_evidence(desk, about), members)
        note = f"{said}; this is what the record of transactions shows."
    elif len(members) > len(drawn.nodes) >= MOST_NODES:
        note = f"The {len(drawn.nodes):,} of {len(members):,} members with the highest scores are shown."
    ours = keys_of(members) if about.key is None else frozenset({about.key})
    joined = {NodeKey(member.kind, member.member_id): member.joined_at for member in members}
    return Found(drawn, _marked(desk, drawn, ours, joined, about), note)


def choices(desk: Desk, key: NodeKey) -> list[Choice] | None:
    """What there is to follow at a node; None when only the record is there to ask."""
    if desk.graph is None:
        return None
    try:
        return desk.graph.choices(key)
    except StoreError:
        return None


def expand(desk: Desk, key: NodeKey, wanted: Wanted, near: Sequence[NodeKey]) -> Found:
    """Neighbours of a node that are not ``near`` it on the canvas already, from the graph store or the record."""
    found = Subgraph((), ())
    try:
        if desk.graph is not None:
            found = desk.graph.expand(key, wanted, near)
    except StoreError:
        found = Subgraph((), ())
    if not found.nodes:
        found = _recorded_neighbours(desk, key, wanted, near)
    return Found(found, _marked(desk, found, frozenset(), {}))


def _recorded_neighbours(desk: Desk, key: NodeKey, wanted: Wanted, near: Sequence[NodeKey]) -> Subgraph:
    seen = desk.record.transactions_around(key.node_id, since=wanted.since, limit=MOST_TRANSACTIONS)
    drawn = from_transactions(seen)
    amounts = {
        other: edge.amount
        for edge in drawn.edges
        for node, other in ((edge.source, edge.target), (edge.target, edge.source))
        if node == key and other.kind in wanted.kinds and other not in near and edge.amount >= wanted.least
    }
    kept = sorted(amounts, key=lambda other: -amounts[other])[: wanted.limit]
    edges = {(edge.source, edge.target, edge.type): edge for edge in drawn.edges}
    return Subgraph(
        tuple(node for node in drawn.nodes if node.key in kept), among(edges, {key, *near, *kept})
    )


def _stored(desk: Desk, about: About, scope: str) -> Subgraph:
    graph, key = desk.graph, about.key
    if graph is None:
        return Subgraph((), ())
    if key is not None:
        return graph.around(key.kind, key.node_id, hops=2 if scope == WIDE else 1, limit=MOST_AROUND)
    if scope == WIDE:
        return graph.ring_surroundings(about.id, limit=MOST_AROUND)
    return graph.ring(about.id, limit=MOST_NODES)


def _members(desk: Desk, about: About) -> Collection[RingMember]:
    if about.key is not None:
        return ()
    return desk.record.ring_members(about.id) or _alert_members(desk, about)


def _alert_members(desk: Desk, about: About) -> Collection[RingMember]:
    alert = _alert(desk, about)
    return alert.members if alert else ()


def _alert(desk: Desk, about: About) -> Alert | None:
    subject = Subject.RING if about.key is None else Subject.ACCOUNT
    return desk.record.alert(Alert.id_for(subject, about.id))


def _evidence(desk: Desk, about: About) -> Any:
    alert = _alert(desk, about)
    if alert is not None and alert.transaction_ids:
        return desk.record.transactions(alert.transaction_ids[-MOST_TRANSACTIONS:])
    if about.key is not None:
        return desk.record.transactions_around(about.id, limit=MOST_TRANSACTIONS)
    ring = desk.record.ring(about.id)
    return desk.record.transactions(ring.transaction_ids[-MOST_TRANSACTIONS:]) if ring else ()


def _marked(
    desk: Desk,
    drawn: Subgraph,
    ours: frozenset[NodeKey],
    joined: dict[NodeKey, Any],
    about: About | None = None,
) -> Marks:
    """What is flagged or cleared among the nodes: by itself, or as a member of a ring."""
    of_ring = {about.id} if about is not None and about.key is None else set()
    rings = of_ring.union(*(node.rings for node in drawn.nodes))
    accounts = {node.key.node_id for node in drawn.nodes if node.key.kind is NodeKind.ACCOUNT}
    standing = subject_standing(desk.record, rings, accounts)
    flagged = {
        node.key
        for node in drawn.nodes
        if (node.key.kind is NodeKind.ACCOUNT and node.key.node_id in standing.flagged_accounts)
        or standing.flagged_rings.intersection(node.rings)
        or (node.key in ours and of_ring & standing.flagged_rings)
    }
    cleared = {
        node.key
        for node in drawn.nodes
        if (node.key.kind is NodeKind.ACCOUNT and node.key.node_id in standing.cleared_accounts)
        or (node.rings and standing.cleared_rings.issuperset(node.rings))
    }
    return Marks(ours, frozenset(flagged), frozenset(cleared), joined)


def banner(note: str) -> Any:
    """The note above the canvas, if there is one."""
    return notice(note, "", colour="yellow") if note else None
