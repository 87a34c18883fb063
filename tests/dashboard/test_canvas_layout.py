from __future__ import annotations

import math
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.canvas_layout import places
from fraud.ring import NodeKind
from graph.subgraph import GraphEdge, GraphNode, NodeKey, Subgraph

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def subgraph(accounts: int, devices: int, ties: list[tuple[int, int]]) -> Subgraph:
    payers = [NodeKey(NodeKind.ACCOUNT, f"a{i}") for i in range(accounts)]
    used = [NodeKey(NodeKind.DEVICE, f"d{i}") for i in range(devices)]
    return Subgraph(
        tuple(GraphNode(key, 1, 0, 0.0, NOW, NOW) for key in (*payers, *used)),
        tuple(
            GraphEdge(payers[i % accounts], used[j % devices], "USES", 1, 1.0, NOW, NOW)
            for i, j in ties
            if accounts and devices
        ),
    )


@given(
    accounts=st.integers(0, 30),
    devices=st.integers(0, 60),
    ties=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=60),
)
@settings(max_examples=40, deadline=None)
def test_every_node_has_a_place_and_what_is_shared_lies_outside(
    accounts: int, devices: int, ties: list[tuple[int, int]]
) -> None:
    drawn = subgraph(accounts, devices, ties)
    found = places(drawn)
    assert found == places(drawn)
    assert (list(found) and set(found) == {node.key for node in drawn.nodes}) or not drawn.nodes
    assert all(math.isfinite(x) and math.isfinite(y) for x, y in found.values())
    if accounts and devices:
        inner = [place for key, place in found.items() if key.kind is NodeKind.ACCOUNT]
        outer = [place for key, place in found.items() if key.kind is NodeKind.DEVICE]
        # Outside the ellipse that holds all accounts.
        across, down = (max(abs(place[axis]) for place in inner) + 50 for axis in (0, 1))
        assert all((x / across) ** 2 + (y / down) ** 2 > 1 for x, y in outer)
        gaps = [math.dist(one, other) for i, one in enumerate(outer) for other in outer[:i]]
        assert min(gaps, default=99.0) > 25.0


def test_a_device_lies_towards_its_users() -> None:
    drawn = subgraph(12, 2, [(0, 0), (0, 0), (6, 1)])
    found = places(drawn)
    for account, device in ((0, 0), (6, 1)):
        near = found[NodeKey(NodeKind.ACCOUNT, f"a{account}")]
        far = found[NodeKey(NodeKind.DEVICE, f"d{device}")]
        assert near[0] * far[0] + near[1] * far[1] > 0
