"""Dense blocks equal a Fraudar peel done anew with networkx after every event, whatever the order and the batches."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.dense_blocks import BlockPolicy, DenseBlocks, Member, Pair
from graph.finding import FindingKind
from graph.layout import DAY, HOUR

ONE = 1 << 16
START = 20_000 * DAY
SMALL = BlockPolicy(window_days=3.0, most_pairs=1_000)
ACCOUNT, MERCHANT, DEVICE = NodeKind.ACCOUNT, NodeKind.MERCHANT, NodeKind.DEVICE

Graph = nx.Graph  # of Member


@dataclass
class SlowBlocks:
    """The same window as a networkx graph, whose node order is the order in which nodes entered."""

    policy: BlockPolicy
    graph: Graph[Member] = field(default_factory=nx.Graph)
    clock: int = 0

    def observe(self, pair: Pair) -> None:
        self.clock = max(self.clock, pair.time)
        cutoff = self.clock - int(self.policy.window_days * DAY)
        for one, other, last in list(self.graph.edges(data="last")):
            if last <= cutoff:
                self.graph.remove_edge(one, other)
        self.graph.remove_nodes_from([node for node, degree in dict(self.graph.degree).items() if not degree])
        if pair.time <= cutoff:
            return
        account, thing = Member(ACCOUNT, pair.account), Member(pair.kind, pair.token)
        before = self.graph.get_edge_data(account, thing, {"last": 0, "suspicion": 0})
        suspicion = max(round(pair.suspicion * ONE), before["suspicion"])
        self.graph.add_edge(account, thing, last=max(pair.time, before["last"]), suspicion=suspicion)
        users = round(pair.users) if pair.users >= 1 else self.graph.degree(thing)
        dropped = max(users.bit_length() - 4, 0)
        column = round(ONE / math.log(self.policy.camouflage + (users >> dropped << dropped)))
        self.graph[account][thing]["weight"] = max(suspicion * column // ONE, 1)

    def peeling(self) -> list[tuple[Member, float]]:
        """Remove the lightest node again and again, the one that entered first where several are."""
        left, entered = self.graph.copy(), {node: i for i, node in enumerate(self.graph)}
        gone = []
        while left:
            weight = dict(left.degree(weight="weight"))
            node = min(left, key=lambda one: (weight[one], entered[one]))
            gone.append((node, weight[node] / ONE))
            left.remove_node(node)
        return gone

    def densest(self) -> tuple[float, set[Member]]:
        peeling = self.peeling()
        suffixes = [
            (sum(weight for _, weight in peeling[i:]) / (len(peeling) - i), len(peeling) - i)
            for i in range(len(peeling))
        ]
        density, count = max(suffixes, default=(0.0, 0))
        return density, {node for node, _ in peeling[len(peeling) - count :]}

    def core(self, node: Member) -> float:
        """Greatest weighted minimum degree of any subgraph that holds the node, by pruning to each weight."""
        best = 0.0
        left = self.graph.copy()
        for threshold in sorted({weight for _, weight in self.peeling()}):
            while light := [n for n, w in left.degree(weight="weight") if w < threshold * ONE]:
                left.remove_nodes_from(light)
            best = threshold if node in left else best
        return best

    def block(self, node: Member) -> set[Member]:
        core = self.core(node)
        inside = self.graph.subgraph([other for other in self.graph if self.core(other) >= core])
        return nx.node_connected_component(inside, node)


gaps = st.sampled_from((0, 0, HOUR, 7 * HOUR, DAY, 2 * DAY))
lateness = st.sampled_from((0, 0, 0, 0, HOUR, DAY, 3 * DAY, 5 * DAY))


@st.composite
def pair_streams(draw: st.DrawFn, *, longest: int = 30) -> list[Pair]:
    now, stream = START, []
    for _ in range(draw(st.integers(1, longest))):
        now += draw(gaps)
        kind = draw(st.sampled_from((MERCHANT, MERCHANT, DEVICE)))
        stream.append(
            Pair(
                account=draw(st.sampled_from("abcdefg")),
                kind=kind,
                token=draw(st.sampled_from("xyzw")),
                time=now - draw(lateness),
                amount=draw(st.sampled_from((1.0, 25.0))),
                suspicion=draw(st.sampled_from((1.0, 1.0, 0.5, 0.3, 0.00001))),
                users=draw(st.sampled_from((0.0, 0.0, 0.0, 1.0, 3.0, 250.0))),
            )
        )
    return stream


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(pair_streams())
def test_the_sequence_is_that_of_a_peel_from_scratch_after_every_event(stream: list[Pair]) -> None:
    fast, slow = DenseBlocks(SMALL), SlowBlocks(SMALL)
    for pair in stream:
        fast.observe_pairs([pair])
        slow.observe(pair)
        assert fast.peeling() == slow.peeling()
        assert not fast.truncated


@settings(deadline=None, max_examples=30)
@given(pair_streams(longest=18))
def test_blocks_and_suspiciousness_are_those_of_the_definition(stream: list[Pair]) -> None:
    fast, slow = DenseBlocks(SMALL), SlowBlocks(SMALL)
    for pair in stream:
        fast.observe_pairs([pair])
        slow.observe(pair)
    density, members = slow.densest()
    densest = fast.densest()
    assert set(densest.members) == members
    assert math.isclose(densest.density, density, rel_tol=1e-9)
    for node in list(slow.graph)[:4]:
        assert fast.suspiciousness(node.kind, node.token) == slow.core(node)
        block = fast.block_of(node.kind, node.token)
        assert set(block.members) == slow.block(node)
        inside = slow.graph.subgraph(block.members)
        assert math.isclose(block.density, inside.size(weight="weight") / len(inside) / ONE, rel_tol=1e-9)


@settings(deadline=None, max_examples=30)
@given(pair_streams(longest=40), st.data())
def test_batches_and_a_restart_change_nothing(stream: list[Pair], data: st.DataObject) -> None:
    whole, parts = DenseBlocks(SMALL), DenseBlocks(SMALL)
    scores = whole.observe_pairs(stream, scored=True)
    cut = data.draw(st.integers(0, len(stream)))
    first = parts.observe_pairs(stream[:cut], scored=True)
    parts = DenseBlocks.from_bytes(parts.to_bytes())
    second = [parts.observe_pairs([pair], scored=True) for pair in stream[cut:]]
    assert scores.tolist() == first.tolist() + [row for part in second for row in part.tolist()]
    assert parts.peeling() == whole.peeling()
    assert parts.to_bytes() == whole.to_bytes()


@settings(deadline=None, max_examples=30)
@given(pair_streams(longest=40))
def test_a_cut_short_repair_is_told_and_made_up_for(stream: list[Pair]) -> None:
    hasty = DenseBlocks(BlockPolicy(window_days=3.0, most_pairs=1_000, most_steps=2))
    patient = DenseBlocks(SMALL)
    for pair in stream:
        hasty.observe_pairs([pair])
    hasty = DenseBlocks.from_bytes(hasty.to_bytes())
    patient.observe_pairs(stream)
    for _ in range(10_000):
        if not hasty.truncated:
            break
        hasty.expire(0)
    assert hasty.peeling() == patient.peeling()


def random_pairs(seed: int, length: int) -> list[Pair]:
    """Enough nodes for several chunks, some merchants far more popular than others."""
    chance = random.Random(seed)  # noqa: S311
    return [
        Pair(f"a{chance.randrange(700)}", MERCHANT, f"m{int(chance.paretovariate(0.7)) % 300}", START + i * HOUR // 20)
        for i in range(length)
    ]  # fmt: skip


def test_a_long_stream_over_many_chunks() -> None:
    policy = BlockPolicy(window_days=2.5, most_pairs=2_000)
    fast, slow = DenseBlocks(policy), SlowBlocks(policy)
    stream = random_pairs(1, 1_500)
    fast.observe_pairs(stream)
    for pair in stream:
        slow.observe(pair)
    assert len(slow.graph) > 600
    assert fast.peeling() == slow.peeling()


def test_late_pairs_are_counted_and_kept_out() -> None:
    blocks = DenseBlocks(SMALL)
    blocks.observe("a", [(MERCHANT, "x", 0.0)], START)
    blocks.observe("b", [(MERCHANT, "x", 0.0)], START - 3 * DAY)
    assert blocks.late == 1
    assert [node.token for node, _ in blocks.peeling()] == ["a", "x"]


def test_a_full_window_drops_what_was_longest_unseen() -> None:
    blocks = DenseBlocks(BlockPolicy(window_days=300.0, most_pairs=50))
    for i in range(60):
        blocks.observe(f"a{i}", [(MERCHANT, "x", 0.0)], START + i)
    assert len(blocks) == 50
    assert blocks.suspiciousness(ACCOUNT, "a9") == 0.0
    assert blocks.suspiciousness(ACCOUNT, "a10") > 0.0


def test_purchases_at_popular_merchants_hide_no_block() -> None:
    blocks = DenseBlocks()
    for i in range(400):
        blocks.observe(f"honest{i}", [(MERCHANT, f"market{i % 4}", 0.0)], START + i)
    for i in range(8):
        things = [(MERCHANT, f"front{k}", 0.0) for k in range(4)]
        things += [(MERCHANT, f"market{k}", 0.0) for k in range(4)]
        blocks.observe(f"crook{i}", things, START + 500 + i, 30.0)
    block = blocks.densest()
    assert {one for one in block.accounts if one.startswith("crook")} == {f"crook{i}" for i in range(8)}
    assert not any(one.startswith("honest") for one in block.accounts)


def test_a_finding_tells_the_block_through_a_purchase() -> None:
    blocks = DenseBlocks()
    for i in range(5):
        blocks.observe(
            f"a{i}",
            [(MERCHANT, "x", 6.0), (MERCHANT, "y", 6.0), (DEVICE, "d", 5.0)],
            START + i,
            20.0 + i,
            0.8,
        )
    blocks.observe("lone", [(MERCHANT, "market", 5_000.0)], START + 9, 5.0, 0.3)
    found = blocks.finding("a4", MERCHANT, "x")
    assert found is not None
    assert (found.kind, found.centre) == (FindingKind.DENSE_BLOCK, "x")
    assert set(found.accounts) == {"a0", "a1", "a2", "a3", "a4"}
    assert found.edges[-1] == ("a4", "x", START + 4, 24.0)
    assert 0.0 < found.strength < 1.0
    assert blocks.finding("lone", MERCHANT, "market") is None
    assert blocks.finding("never", MERCHANT, "x") is None


def test_nothing_is_known_of_nothing() -> None:
    blocks = DenseBlocks()
    assert blocks.densest().members == ()
    assert blocks.block_of(ACCOUNT, "a").members == ()
    assert blocks.suspiciousness(ACCOUNT, "a") == 0.0


@pytest.mark.parametrize(
    "content", [b"", b"x", DenseBlocks(SMALL).to_bytes()[:-9], b"\x95\x00\xc0\xc0\xc0\xc0"]
)
def test_a_memory_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="dense blocks"):
        DenseBlocks.from_bytes(content)
