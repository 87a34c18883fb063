"""Dense blocks equal a Fraudar peel done anew with networkx after every event, whatever the order and the batches."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.ring import NodeKind
from graph.dense_blocks import BlockPolicy, DenseBlocks
from graph.finding import Finding, FindingKind, FoundEdge
from graph.layout import ACCOUNT, DAY, DEVICE, HOUR, MERCHANT, NODE_KINDS
from graph.name_layout import unpack_name
from graph.online import DETECTORS, OnlineGraph
from tests.graph.streams import Raw, assert_cuts_and_a_restart_change_nothing, to_events

ONE = 1 << 16
START = 20_000 * DAY
SMALL = BlockPolicy(window_days=3.0, most_members=10)

Node = tuple[str, str]
Graph = nx.Graph  # of Node


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            DETECTORS, FindingKind.DENSE_BLOCK, lambda nodes, memory: DenseBlocks(nodes, memory, SMALL)
        )
        yield


@dataclass
class SlowBlocks:
    """The same window as a networkx graph, whose node order is the order in which nodes entered."""

    policy: BlockPolicy
    retention: int = 1_000 * DAY
    graph: Graph[Node] = field(default_factory=nx.Graph)
    clock: int = 0
    day: int = 0

    def observe(self, raw: Raw) -> None:
        self.clock = max(self.clock, raw.time)
        cutoff = self.clock - int(self.policy.window_days * DAY)
        if self.day and raw.time // DAY > self.day:
            self.drop(raw.time - self.retention)
        self.day = max(self.day, raw.time // DAY)
        self.drop(cutoff)
        if raw.time > cutoff:
            for thing in self.things(raw):
                self.take_in(raw, thing)

    def drop(self, cutoff: int) -> None:
        old = [(a, b) for a, b in self.graph.edges if self.graph[a][b]["last"] <= cutoff]
        self.graph.remove_edges_from(old)
        self.graph.remove_nodes_from([node for node, degree in dict(self.graph.degree).items() if not degree])

    def take_in(self, raw: Raw, thing: Node) -> None:
        account = ("account", raw.account)
        before = self.graph.get_edge_data(account, thing, {"last": 0})
        self.graph.add_edge(account, thing, last=max(raw.time, before["last"]), amount=raw.amount)
        users = self.graph.degree(thing)
        dropped = max(users.bit_length() - 4, 0)
        column = round(ONE / math.log(self.policy.camouflage + (users >> dropped << dropped)))
        self.graph[account][thing]["weight"] = column

    @staticmethod
    def things(raw: Raw) -> list[Node]:
        things = [] if raw.is_transfer else [("merchant", raw.target)]
        return things if raw.device is None else [*things, ("device", raw.device)]

    def peeling(self) -> list[tuple[Node, float]]:
        """Remove the lightest node again and again, the one that entered first where several are."""
        left, entered = self.graph.copy(), {node: i for i, node in enumerate(self.graph)}
        gone = []
        while left:
            weight = dict(left.degree(weight="weight"))
            node = min(left, key=lambda one: (weight[one], entered[one]))
            gone.append((node, weight[node] / ONE))
            left.remove_node(node)
        return gone

    def densest(self) -> tuple[float, set[Node]]:
        peeling = self.peeling()
        suffixes = [
            (sum(weight for _, weight in peeling[i:]) / (len(peeling) - i), len(peeling) - i)
            for i in range(len(peeling))
        ]
        density, count = max(suffixes, default=(0.0, 0))
        return density, {node for node, _ in peeling[len(peeling) - count :]}

    def cores(self) -> dict[Node, float]:
        """Of each node the greatest weighted minimum degree of a subgraph that holds it, by pruning to each weight."""
        best = dict.fromkeys(self.graph, 0.0)
        left = self.graph.copy()
        for threshold in sorted({weight for _, weight in self.peeling()}):
            while light := [n for n, w in left.degree(weight="weight") if w < threshold * ONE]:
                left.remove_nodes_from(light)
            best |= dict.fromkeys(left, threshold)
        return best

    def block(self, node: Node, core: float, cores: dict[Node, float]) -> set[Node]:
        inside = self.graph.subgraph([other for other in self.graph if cores[other] >= core])
        return set(nx.node_connected_component(inside, node))

    def density(self, block: set[Node]) -> float:
        inside = self.graph.subgraph(block)
        return float(inside.size(weight="weight")) / len(inside) / ONE

    def finding(self, raw: Raw) -> tuple[str, float, set[str], dict[str, set[FoundEdge]]] | None:
        """Centre, density, accounts, and of each account which edges may be shown of it."""
        cores, account = self.cores(), ("account", raw.account)
        tied = [
            (min(cores[account], cores[thing]), thing)
            for thing in self.things(raw)
            if self.graph.has_edge(account, thing)
        ]
        core, thing = max(tied, key=lambda one: one[0], default=(0.0, ("", "")))
        if core * ONE < round(self.policy.least_core * ONE):
            return None
        block = self.block(thing, core, cores)
        accounts = {token for kind, token in block if kind == "account"}
        if (
            len(block) > self.policy.most_members
            or self.density(block) < self.policy.least_density
            or len(accounts) < self.policy.least_accounts
            or raw.account not in accounts
        ):
            return None
        return (
            thing[1],
            self.density(block),
            accounts,
            {one: self.shown(one, thing, block) for one in accounts},
        )

    def shown(self, account: str, centre: Node, block: set[Node]) -> set[FoundEdge]:
        one = ("account", account)
        things = {centre} if self.graph.has_edge(one, centre) else block & set(self.graph[one])
        return {
            FoundEdge(account, thing[1], self.graph[one][thing]["last"], self.graph[one][thing]["amount"])
            for thing in things
        }


def watching(policy: BlockPolicy | None = None, **bounds: Any) -> tuple[OnlineGraph, DenseBlocks]:
    given: dict[str, Any] = {"memory_budget": 1 << 23, "detectors": [FindingKind.DENSE_BLOCK]}
    graph = OnlineGraph(**(given | bounds))
    if policy is not None:
        graph.detectors = (DenseBlocks(graph.capacity, graph.memory_budget, policy),)
    (detector,) = graph.detectors
    assert isinstance(detector, DenseBlocks)
    return graph, detector


def node_of(graph: OnlineGraph, number: int) -> Node:
    return NODE_KINDS[graph.nodes[number]["kind"]], unpack_name(graph.index.names[number])


def number_of(graph: OnlineGraph, node: Node) -> int:
    return graph.index.find(NODE_KINDS.index(node[0]), node[1])


def peeling_of(graph: OnlineGraph, blocks: DenseBlocks) -> list[tuple[Node, float]]:
    return [(node_of(graph, number), weight) for number, weight in blocks.peeling()]


gaps = st.sampled_from((0, 0, HOUR, 7 * HOUR, DAY, 2 * DAY))
lateness = st.sampled_from((0, 0, 0, 0, HOUR, DAY, 3 * DAY, 5 * DAY))


@st.composite
def buying(draw: st.DrawFn, *, longest: int = 30) -> list[Raw]:
    now, stream = START, []
    for _ in range(draw(st.integers(1, longest))):
        now += draw(gaps)
        stream.append(
            Raw(
                now - draw(lateness),
                draw(st.sampled_from("abcdefg")),
                draw(st.sampled_from("xyzw")),
                draw(st.sampled_from((False, False, False, True))),
                device=draw(st.sampled_from(("p", "q", None, None))),
                amount=draw(st.sampled_from((1.0, 25.0))),
            )
        )
    return stream


@settings(deadline=None, max_examples=25)
@given(buying(), st.sampled_from((100.0, 1.0)))
def test_the_sequence_is_that_of_a_peel_from_scratch_after_every_event(
    stream: list[Raw], retention_days: float
) -> None:
    graph, fast = watching(retention_days=retention_days)
    slow = SlowBlocks(SMALL, graph.retention)
    for raw in stream:
        graph.observe(to_events([raw]))
        slow.observe(raw)
        assert peeling_of(graph, fast) == slow.peeling()
        assert not fast.truncated


@settings(deadline=None, max_examples=30)
@given(buying(longest=24))
def test_blocks_suspiciousness_and_findings_are_those_of_the_definition(stream: list[Raw]) -> None:
    (graph, fast), slow = watching(), SlowBlocks(SMALL)
    for raw in stream:
        seen = graph.observe(to_events([raw]))
        slow.observe(raw)
    density, members = slow.densest()
    densest = fast.densest()
    assert {node_of(graph, number) for number in densest.members} == members
    assert math.isclose(densest.density, density, rel_tol=1e-9)
    cores = slow.cores()
    for node in list(slow.graph)[:4]:
        number = number_of(graph, node)
        assert fast.suspiciousness(number) == cores[node]
        block, expected = fast.block_of(number), slow.block(node, cores[node], cores)
        if len(expected) <= SMALL.most_members:
            assert {node_of(graph, member) for member in block.members} == expected
            assert math.isclose(block.density, slow.density(expected), rel_tol=1e-9)
        else:
            assert block.members == ()
    assert_same_finding(seen.detected[0].findings(0), slow.finding(stream[-1]))


def assert_same_finding(found: tuple[Finding, ...], expected: Any) -> None:
    if expected is None:
        assert found == ()
        return
    ((one,), (centre, density, accounts, shown)) = found, expected
    assert (one.kind, one.centre, set(one.accounts)) == (FindingKind.DENSE_BLOCK, centre, accounts)
    assert math.isclose(one.strength, density / (1.0 + density), rel_tol=1e-9)
    assert [edge.time for edge in one.edges] == sorted(edge.time for edge in one.edges)
    assert sorted(edge.source for edge in one.edges) == sorted(accounts)
    assert all(edge in shown[edge.source] for edge in one.edges)


def chance_stream(seed: int, length: int, *, accounts: int = 700, merchants: int = 300) -> list[Raw]:
    """Enough nodes for several chunks, some merchants far more popular than others."""
    chance = random.Random(seed)  # noqa: S311
    return [
        Raw(
            START + i * HOUR // 20,
            f"a{chance.randrange(accounts)}",
            f"m{int(chance.paretovariate(0.7)) % merchants}",
            device=chance.choice(("p", "q", "r", None, None)),
        )
        for i in range(length)
    ]


@pytest.mark.parametrize("bounds", [{}, {"retention_days": 1.0}, {"memory_budget": 0}])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_and_a_restart_change_nothing(tmp_path: Path, bounds: dict[str, Any], size: int) -> None:
    """The smallest graph holds 64 nodes, and forgets some of these all the time."""
    stream = chance_stream(size, 600, accounts=25, merchants=90)
    (whole, _), (cut, _) = watching(**bounds), watching(**bounds)
    assert_cuts_and_a_restart_change_nothing(whole, cut, stream, size, tmp_path)


def test_the_streams_that_are_cut_hold_findings() -> None:
    graph, _ = watching()
    seen = graph.observe(to_events(chance_stream(1, 600, accounts=25, merchants=90)))
    assert sum(len(seen.findings(row)) for row in range(600)) > 10


def test_what_the_graph_evicts_is_out_of_the_sequence() -> None:
    graph, blocks = watching(memory_budget=0)
    for raw in chance_stream(2, 400, accounts=60):
        graph.observe(to_events([raw]))
        free = set(graph.index.free[: graph.index.census[1]].tolist())
        assert not free & {number for number, _ in blocks.peeling()}


@settings(deadline=None, max_examples=15)
@given(buying(longest=40))
def test_a_cut_short_repair_is_told_and_made_up_for(stream: list[Raw]) -> None:
    hasty_graph, hasty = watching(BlockPolicy(window_days=3.0, most_steps=2))
    graph, patient = watching(BlockPolicy(window_days=3.0))
    hasty_graph.observe(to_events(stream))
    graph.observe(to_events(stream))
    again = DenseBlocks(hasty_graph.capacity, hasty_graph.memory_budget, hasty.policy)
    again.restore({name: block.copy() for name, block in hasty.blocks(hasty_graph.index.used).items()})
    assert again.truncated == hasty.truncated
    again.forget(0)
    assert not again.truncated
    assert again.peeling() == patient.peeling()


def test_a_long_stream_over_many_chunks() -> None:
    policy = BlockPolicy(window_days=2.5)
    (graph, fast), slow = watching(policy), SlowBlocks(policy)
    stream = chance_stream(1, 1_500)
    graph.observe(to_events(stream))
    for raw in stream:
        slow.observe(raw)
    assert len(slow.graph) > 600
    assert peeling_of(graph, fast) == slow.peeling()


def test_late_purchases_are_counted_and_kept_out() -> None:
    graph, blocks = watching()
    graph.observe(to_events([Raw(START, "a", "x"), Raw(START - 3 * DAY, "b", "x")]))
    assert blocks.late == 1
    assert [node for node, _ in peeling_of(graph, blocks)] == [("account", "a"), ("merchant", "x")]


def test_a_full_window_drops_what_was_longest_unseen() -> None:
    graph = OnlineGraph()
    blocks = DenseBlocks(graph.capacity, 0, BlockPolicy(window_days=300.0))
    graph.detectors = (blocks,)
    graph.observe(to_events([Raw(START + i, f"a{i}", "x") for i in range(74)]))
    assert len(blocks) == blocks.most_pairs == 64
    assert blocks.suspiciousness(graph.index.find(ACCOUNT, "a9")) == 0.0
    assert blocks.suspiciousness(graph.index.find(ACCOUNT, "a10")) > 0.0


def with_crooks(graph: OnlineGraph) -> list[tuple[Finding, ...]]:
    """Four hundred honest people at four markets, then eight crooks at these and at four fronts, on two phones."""
    honest = [Raw(START + i, f"honest{i}", f"market{i % 4}", device=f"d{i}") for i in range(400)]
    graph.observe(to_events(honest), neighbourhoods=False)
    crooked = [
        Raw(START + 500 + 10 * i + k, f"crook{i}", shop, device=f"burner{i % 2}", amount=30.0 + i)
        for i in range(8)
        for k, shop in enumerate([f"front{n}" for n in range(4)] + [f"market{n}" for n in range(4)])
    ]
    seen = graph.observe(to_events(crooked))
    return [seen.findings(row) for row in range(len(crooked))]


def test_purchases_at_popular_merchants_hide_no_block() -> None:
    graph, blocks = watching(BlockPolicy())
    with_crooks(graph)
    members = {node_of(graph, number) for number in blocks.densest().members}
    assert {token for kind, token in members if kind == "account"} == {f"crook{i}" for i in range(8)}


def test_a_finding_tells_the_block_through_a_purchase() -> None:
    graph, _ = watching(BlockPolicy())
    found = with_crooks(graph)
    at_front = found[8 * 7 + 3]
    ((block),) = at_front
    assert (block.kind, block.centre_kind) == (FindingKind.DENSE_BLOCK, NodeKind.MERCHANT)
    assert block.centre == "front3"
    assert set(block.accounts) == {f"crook{i}" for i in range(8)}
    assert block.edges[-1] == ("crook7", "front3", START + 573, 37.0)
    assert 0.0 < block.strength < 1.0
    assert found[0] == ()
    lone = graph.observe(to_events([Raw(START + 900, "lone", "market0", device="own")]))
    assert lone.findings(0) == ()


def test_nothing_is_known_of_nothing() -> None:
    _, blocks = watching()
    assert blocks.densest().members == blocks.block_of(0).members == ()
    assert blocks.suspiciousness(0) == 0.0


def test_scores_are_what_was_known_before_each() -> None:
    (graph, scored), (other, plain) = watching(), watching()
    stream = chance_stream(3, 200, accounts=25, merchants=90)
    events = to_events(stream)
    graph.detectors = ()
    graph.observe(events)
    scores = scored.observe_scored(events.rows)
    for row, raw in enumerate(stream):
        known = [
            other.index.find(kind, token)
            for kind, token in ((ACCOUNT, raw.account), (MERCHANT, raw.target), (DEVICE, raw.device or ""))
        ]
        told = [plain.suspiciousness(number) if number >= 0 else 0.0 for number in known]
        told[2] = told[2] if raw.device else np.nan
        np.testing.assert_array_equal(scores[row], told)
        other.observe(to_events([raw]))
