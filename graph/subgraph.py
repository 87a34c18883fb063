"""Pieces of the stored graph as people look at them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from fraud.ring import NodeKind

__all__ = ["GraphEdge", "GraphNode", "NodeKey", "Subgraph"]


class NodeKey(msgspec.Struct, frozen=True, order=True):
    """Names one node: ids are unique among nodes of a kind."""

    kind: NodeKind
    node_id: str


class GraphNode(msgspec.Struct, frozen=True):
    """One node and what the stored transactions say of it.

    ``held`` counts the transactions that were not approved, ``worst`` is the highest score among all;
    ``rings`` are the rings it belongs to. ``role`` is set where the node stands for a member of a ring.
    """

    key: NodeKey
    transactions: int
    held: int
    worst: float
    first: datetime | None
    last: datetime | None
    rings: tuple[str, ...] = ()
    role: str = ""


class GraphEdge(msgspec.Struct, frozen=True):
    """All transactions from one account to one other node: ``type`` is PAID, USES (device) or FROM (IP)."""

    source: NodeKey
    target: NodeKey
    type: str
    count: int
    amount: float
    first: datetime
    last: datetime


class Subgraph(msgspec.Struct, frozen=True):
    """Nodes and the relationships among them; ``cut`` names nodes that have more neighbours than are shown."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    cut: frozenset[NodeKey] = frozenset()
