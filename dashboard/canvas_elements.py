"""A subgraph as elements for the canvas: shape says the kind, colour and sign the standing, thickness the money."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from dashboard.canvas_layout import places
from dashboard.words import KIND_WORDS, count, moment, money, percent, short_id
from fraud.decision import Outcome
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind, RingMember
from graph.standing import Standing, standing_of
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

__all__ = ["Marks", "drawing", "element_id", "elements", "from_transactions", "keys_of", "node_key"]

SIGNS = {Standing.FLAGGED: "▲", Standing.SUSPICIOUS: "◆", Standing.CLEARED: "✓", Standing.NEUTRAL: ""}
"""Sign before the label of a node by its standing."""

OURS = "●"
"""Sign of what the case is about."""

TIE_WORDS = {"PAID": "paid", "USES": "used the device", "FROM": "came from the address"}

THINNEST, THICKEST = 1.6, 9.0

LONGEST_LABEL = 11


class Marks(msgspec.Struct, frozen=True):
    """What is known of nodes beside what the graph says.

    ``ours`` are those that the case, ring or page is about; ``flagged`` those that an open alert is about; ``cleared``
    those that people looked at and found nothing against. ``joined`` says when a member joined the ring.
    """

    ours: frozenset[NodeKey] = frozenset()
    flagged: frozenset[NodeKey] = frozenset()
    cleared: frozenset[NodeKey] = frozenset()
    joined: Mapping[NodeKey, datetime] = {}


def element_id(key: NodeKey) -> str:
    """The id of a node's element."""
    return f"{key.kind.value}:{key.node_id}"


def node_key(element: str) -> NodeKey:
    """The node that an element of the canvas stands for; raises ValueError where it is none."""
    kind, _, node_id = element.partition(":")
    return NodeKey(NodeKind(kind), node_id)


def drawing(subgraph: Subgraph, marks: Marks, currency: str) -> dict[str, Any]:
    """All that the browser needs to draw a subgraph and to replay it: elements with their places, and the span."""
    where = places(subgraph)
    drawn = elements(subgraph, marks, currency)
    for element, node in zip(drawn, subgraph.nodes, strict=False):
        x, y = where[node.key]
        element["position"] = {"x": x, "y": y}
    times = [element["data"]["time"] for element in drawn if element["data"]["time"] is not None]
    return {"elements": drawn, "span": [min(times), max(times)] if times else None}


def elements(subgraph: Subgraph, marks: Marks, currency: str) -> list[dict[str, Any]]:
    """Nodes in their order, then edges, without places; times are milliseconds since 1970."""
    most = max((edge.amount for edge in subgraph.edges), default=0.0)
    first: dict[NodeKey, datetime] = {}
    for edge in subgraph.edges:
        for key in (edge.source, edge.target):
            first[key] = min(first.get(key, edge.first), edge.first)
    return [
        *(_node(node, first.get(node.key, node.first), marks) for node in subgraph.nodes),
        *(_edge(edge, most, currency) for edge in subgraph.edges),
    ]


def from_transactions(
    transactions: Iterable[DecidedTransaction], members: Iterable[RingMember] = ()
) -> Subgraph:
    """What the record alone can draw: members, and what the transactions show between their ends."""
    ties: dict[tuple[NodeKey, NodeKey, str], list[DecidedTransaction]] = {}
    at_node: dict[NodeKey, list[DecidedTransaction]] = {}
    roles = {NodeKey(member.kind, member.member_id): member.role for member in members}
    for transaction in transactions:
        payer = NodeKey(NodeKind.ACCOUNT, transaction.account_id)
        at_node.setdefault(payer, []).append(transaction)
        for kind, end, tie in (
            (NodeKind.MERCHANT, transaction.merchant_id, "PAID"),
            (NodeKind.ACCOUNT, transaction.counterparty_id, "PAID"),
            (NodeKind.DEVICE, transaction.device_id, "USES"),
            (NodeKind.IP, transaction.ip, "FROM"),
        ):
            if end is not None:
                at_node.setdefault(NodeKey(kind, end), []).append(transaction)
                ties.setdefault((payer, NodeKey(kind, end), tie), []).append(transaction)
    keys = dict.fromkeys([*roles, *at_node])
    return Subgraph(
        nodes=tuple(_summed_node(key, at_node.get(key, []), roles.get(key, "")) for key in keys),
        edges=tuple(
            GraphEdge(
                source=source,
                target=target,
                type=tie,
                count=len(seen),
                amount=sum(t.amount for t in seen),
                first=min(t.event_time for t in seen),
                last=max(t.event_time for t in seen),
            )
            for (source, target, tie), seen in ties.items()
        ),
    )


def _summed_node(key: NodeKey, seen: list[DecidedTransaction], role: str) -> GraphNode:
    times = [t.event_time for t in seen]
    return GraphNode(
        key=key,
        transactions=len(seen),
        held=sum(t.outcome not in (None, Outcome.APPROVE) for t in seen),
        worst=max((t.score or 0.0 for t in seen), default=0.0),
        first=min(times, default=None),
        last=max(times, default=None),
        role=role,
    )


def _node(node: GraphNode, first: datetime | None, marks: Marks) -> dict[str, Any]:
    key = node.key
    standing = standing_of(node, is_flagged=key in marks.flagged, is_cleared=key in marks.cleared)
    is_ours = key in marks.ours
    signs = f"{OURS if is_ours else ''}{SIGNS[standing]}"
    joined = marks.joined.get(key)
    return {
        "data": {
            "id": element_id(key),
            "label": f"{signs} {short_id(key.node_id, LONGEST_LABEL)}".strip(),
            "kind": key.kind.value,
            "name": f"{KIND_WORDS[key.kind]} {key.node_id}",
            "lines": _lines(node, standing, is_ours=is_ours, joined=joined),
            "time": _millis(first),
            "joined": _millis(joined),
        },
        "classes": " ".join((key.kind.value, standing.value, *(("ours",) if is_ours else ()))),
    }


STANDING_WORDS = {
    Standing.FLAGGED: "▲ An open alert, or a confirmed fraud, is about it",
    Standing.SUSPICIOUS: "◆ In a ring, or often held",
    Standing.CLEARED: "✓ Looked at and cleared",
    Standing.NEUTRAL: "Nothing against it",
}


def _lines(node: GraphNode, standing: Standing, *, is_ours: bool, joined: datetime | None) -> list[str]:
    """What the tooltip says below the name."""
    lines = [STANDING_WORDS[standing]]
    if is_ours:
        lines.append(f"{OURS} What this is about")
    if node.role:
        lines.append(node.role.capitalize())
    held = f", {node.held:,} held" if node.held else ""
    lines.append(f"{count(node.transactions, 'transaction', 'transactions')}{held}")
    if node.worst:
        lines.append(f"Highest score {percent(node.worst)}")
    if node.first and node.last:
        lines.append(f"{moment(node.first)} to {moment(node.last)} UTC")
    if joined:
        lines.append(f"Joined {moment(joined)} UTC")
    return lines


def _edge(edge: GraphEdge, most: float, currency: str) -> dict[str, Any]:
    # Thickness goes with the logarithm of money, as sums span orders of magnitude.
    share = math.log1p(edge.amount) / math.log1p(most) if most > 0 else 0.0
    source, target = element_id(edge.source), element_id(edge.target)
    words = f"{TIE_WORDS[edge.type]} {count(edge.count, 'time', 'times')}, {money(edge.amount, currency)}"
    return {
        "data": {
            "id": f"{edge.type}|{source}|{target}",
            "source": source,
            "target": target,
            "width": round(THINNEST + (THICKEST - THINNEST) * min(share, 1.0) ** 3, 2),
            "label": words,
            "lines": [f"{moment(edge.first)} to {moment(edge.last)} UTC"],
            "time": _millis(edge.first),
        },
        "classes": edge.type.lower(),
    }


def _millis(of: datetime | None) -> int | None:
    return None if of is None else int(of.timestamp() * 1_000)


def keys_of(members: Collection[RingMember]) -> frozenset[NodeKey]:
    """Members as nodes."""
    return frozenset(NodeKey(member.kind, member.member_id) for member in members)
