"""A subgraph as elements for the canvas, and how they look: shape says the kind, colour and sign say the standing."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

import networkx
import numpy as np
from numpy.typing import NDArray

from dashboard.words import KIND_WORDS, count, money, short_id
from fraud.decision import Outcome
from fraud.record_rows import DecidedTransaction
from fraud.ring import NodeKind, RingMember
from graph.standing import Standing, standing_of
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

__all__ = ["LAYOUT", "STANDINGS", "STYLES", "elements", "from_record", "node_key"]

STANDINGS = {Standing.FLAGGED: "▲", Standing.SUSPICIOUS: "◆", Standing.NEUTRAL: ""}
"""Sign before the label of a node by its standing."""

SHAPES = {
    NodeKind.ACCOUNT: "ellipse",
    NodeKind.MERCHANT: "round-rectangle",
    NodeKind.DEVICE: "hexagon",
    NodeKind.IP: "triangle",
}

TIE_WORDS = {"PAID": "paid", "USES": "used device", "FROM": "came from IP"}

THINNEST, THICKEST = 1.6, 9.0

LAYOUT = {"name": "preset", "fit": True, "padding": 36, "animate": False}
"""Places come with the nodes, so that one alert always gives one picture."""

SPREAD = 125.0
"""Distance between nodes, about, in pixels before zooming."""

WIDE = 1.75
"""Width of the picture over its height."""

FLATTEST = 6.0
"""A chain is not stretched across its way more than this."""

LONGEST_LABEL = 11


def node_key(element_id: str) -> NodeKey:
    """The node that an element of the canvas stands for."""
    kind, _, node_id = element_id.partition(":")
    return NodeKey(NodeKind(kind), node_id)


def elements(subgraph: Subgraph, flagged: Collection[NodeKey]) -> list[dict[str, Any]]:
    """Nodes, then edges; ``flagged`` are the members of the alert."""
    most = max((edge.amount for edge in subgraph.edges), default=0.0)
    places = _places(subgraph)
    return [
        *(
            _node(node, places[node.key], node.key in flagged, node.key in subgraph.cut)
            for node in subgraph.nodes
        ),
        *(_edge(edge, most) for edge in subgraph.edges),
    ]


def from_record(members: Iterable[RingMember], evidence: Iterable[DecidedTransaction]) -> Subgraph:
    """What the record alone can draw: the members, and what the evidence shows between its ends."""
    ties: dict[tuple[NodeKey, NodeKey, str], list[DecidedTransaction]] = {}
    at_node: dict[NodeKey, list[DecidedTransaction]] = {}
    roles = {NodeKey(member.kind, member.member_id): member.role for member in members}
    for transaction in evidence:
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


def _places(subgraph: Subgraph) -> dict[NodeKey, list[float]]:
    """A place for each node by springs along the edges (Fruchterman and Reingold 1991), the same every time."""
    drawn: networkx.Graph[NodeKey] = networkx.Graph()
    drawn.add_nodes_from(node.key for node in subgraph.nodes)
    drawn.add_edges_from((edge.source, edge.target) for edge in subgraph.edges)
    springs = networkx.spring_layout(drawn, k=1.4 / math.sqrt(max(len(drawn), 1)), iterations=200, seed=7)
    box = SPREAD * math.sqrt(len(drawn)) / 2 * np.array([WIDE, 1.0])
    return dict(zip(springs, (_lying(np.array(list(springs.values()))) * box).tolist(), strict=True))


def _lying(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The places turned so that the longest way lies across, then stretched to fill −1 … 1 both ways."""
    if len(places) < 2:
        return places
    centred = places - places.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    # The sign of an axis is arbitrary; this one keeps the picture the same.
    axes *= np.where(axes[:, :1] < 0, -1.0, 1.0)
    turned = centred @ axes.T
    reach = np.abs(turned).max(axis=0)
    filled: NDArray[np.float64] = turned / np.maximum(reach, reach.max() / FLATTEST)
    return filled


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


def _node(node: GraphNode, place: list[float], is_flagged: bool, is_cut: bool) -> dict[str, Any]:
    standing = standing_of(node, is_flagged=is_flagged)
    kind, node_id = node.key.kind, node.key.node_id
    more = " +" if is_cut else ""
    return {
        "data": {
            "id": f"{kind.value}:{node_id}",
            "label": f"{STANDINGS[standing]} {short_id(node_id, LONGEST_LABEL)}{more}".strip(),
            "title": f"{KIND_WORDS[kind]} {node_id}, {count(node.transactions, 'transaction', 'transactions')}",
        },
        "position": {"x": round(place[0], 1), "y": round(place[1], 1)},
        "classes": f"{kind.value} {standing.value}",
    }


def _edge(edge: GraphEdge, most: float) -> dict[str, Any]:
    # Thickness goes with the logarithm of money, as sums span orders of magnitude.
    share = math.log1p(edge.amount) / math.log1p(most) if most > 0 else 0.0
    return {
        "data": {
            "id": f"{edge.type}:{edge.source.kind.value}:{edge.source.node_id}>{edge.target.node_id}",
            "source": f"{edge.source.kind.value}:{edge.source.node_id}",
            "target": f"{edge.target.kind.value}:{edge.target.node_id}",
            "width": round(THINNEST + (THICKEST - THINNEST) * share**3, 2),
            "label": f"{TIE_WORDS[edge.type]} {count(edge.count, 'time', 'times')}, {money(edge.amount)}",
        },
        "classes": edge.type.lower(),
    }


def _style(ink: str, paper: str, line: str, fills: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    node = {
        "label": "data(label)",
        "width": 38,
        "height": 38,
        "font-size": 13,
        "font-family": "system-ui, sans-serif",
        "color": ink,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-background-color": paper,
        "text-background-opacity": 0.85,
        "text-background-padding": 2,
        "border-width": 2,
        "min-zoomed-font-size": 4,
    }
    edge = {
        "width": "data(width)",
        "line-color": line,
        "curve-style": "bezier",
        "opacity": 0.75,
        "target-arrow-color": line,
    }
    return [
        {"selector": "node", "style": node},
        {"selector": "edge", "style": edge},
        {"selector": "edge.paid", "style": {"target-arrow-shape": "triangle", "arrow-scale": 0.8}},
        {"selector": "edge.uses, edge.from", "style": {"line-style": "dashed", "width": THINNEST}},
        *({"selector": f".{kind.value}", "style": {"shape": shape}} for kind, shape in SHAPES.items()),
        *(
            {"selector": f".{standing}", "style": {"background-color": fill, "border-color": border}}
            for standing, (fill, border) in fills.items()
        ),
        {"selector": ".flagged", "style": {"width": 46, "height": 46, "border-width": 3}},
        {"selector": ":selected", "style": {"border-color": "#4263eb", "border-width": 5}},
        {
            "selector": "edge:selected",
            "style": {
                "label": "data(label)",
                "font-size": 13,
                "color": ink,
                "text-background-color": paper,
                "text-background-opacity": 0.9,
                "line-color": "#4263eb",
            },
        },
    ]


STYLES = {
    "light": _style(
        ink="#212529",
        paper="#ffffff",
        line="#868e96",
        fills={
            "flagged": ("#fa5252", "#a51111"),
            "suspicious": ("#fab005", "#8a5a00"),
            "neutral": ("#dee2e6", "#6c757d"),
        },
    ),
    "dark": _style(
        ink="#f1f3f5",
        paper="#242424",
        line="#868e96",
        fills={
            "flagged": ("#fa5252", "#ffc9c9"),
            "suspicious": ("#fab005", "#ffec99"),
            "neutral": ("#5c636a", "#adb5bd"),
        },
    ),
}
"""Stylesheet by colour scheme."""
