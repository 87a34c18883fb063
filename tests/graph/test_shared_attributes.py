"""Shared attributes equal a slow model on networkx graphs after every event, and tell rings from families."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.finding import FindingKind
from graph.layout import DAY, HOUR
from graph.shared_attributes import SharedAttributes, SharingPolicy, Use

ONE = 1 << 16
START = 20_000 * DAY
SMALL = SharingPolicy(window_days=3.0, young_days=2.0, recent_days=1.0, most_looked_at=3, most_pairs=1_000)
MERCHANT, ACCOUNT = NodeKind.MERCHANT, NodeKind.ACCOUNT

Node = tuple[str, str]
Graph = nx.Graph  # of Node


def log(number: int) -> int:
    return round(math.log(max(number, 1)) * ONE)


@dataclass
class SlowShared:
    """Ties of accounts to things and their visits to targets as networkx graphs, everything worked out anew."""

    policy: SharingPolicy
    ties: Graph[Node] = field(default_factory=nx.Graph)
    visits: Graph[Node] = field(default_factory=nx.Graph)
    born: dict[Node, int] = field(default_factory=dict)
    clock: int = 0
    arrivals: int = 0

    def observe(self, use: Use) -> tuple[float, float, float, float]:
        self.clock = max(self.clock, use.time)
        cutoff = self.clock - int(self.policy.window_days * DAY)
        for graph in (self.ties, self.visits):
            graph.remove_edges_from([(a, b) for a, b, last in graph.edges(data="last") if last <= cutoff])
            graph.remove_nodes_from([node for node, degree in dict(graph.degree).items() if not degree])
        self.born = {account: since for account, since in self.born.items() if account in self.ties}
        account, target = ("account", use.account), (f"target-{use.target_kind}", use.target)
        things = [
            (kind, token) for kind, token in (("device", use.device), ("ip", use.ip)) if token is not None
        ]
        evidence = [self.evidence(account, target, thing) for thing in things]
        scores = (
            self.agreed(self.visits, account),
            self.agreed(self.visits, target) // max(self.degree(self.visits, target), 1),
            max(
                (self.agreed(self.ties, thing) // max(self.degree(self.ties, thing), 1) for thing in things),
                default=0,
            ),
            max(evidence, default=0),
        )
        if use.time > cutoff:
            self.insert(use, account, target, things, evidence)
        return scores[0] / ONE, scores[1] / ONE, scores[2] / ONE, scores[3] / ONE

    def insert(self, use: Use, account: Node, target: Node, things: list[Node], evidence: list[int]) -> None:
        for thing in things:
            if account not in self.ties:
                self.born[account] = self.clock
            self.touch(self.ties, account, thing, use.time)
            self.ties[account][thing]["value"] = self.evidence(account, target, thing)
        self.touch(self.visits, account, target, use.time)
        if things:
            self.visits[account][target]["value"] = max(evidence)

    def touch(self, graph: Graph[Node], one: Node, other: Node, time: int) -> None:
        before = graph.get_edge_data(one, other, {"last": time, "value": 0})
        self.arrivals += 1
        graph.add_edge(
            one, other, last=max(time, before["last"]), value=before["value"], arrived=self.arrivals
        )

    @staticmethod
    def degree(graph: Graph[Node], node: Node) -> int:
        return int(graph.degree(node)) if node in graph else 0

    @staticmethod
    def agreed(graph: Graph[Node], node: Node) -> int:
        return sum(value for _, _, value in graph.edges(node, data="value")) if node in graph else 0

    def is_young(self, account: Node) -> bool:
        return account in self.born and self.born[account] > self.clock - int(self.policy.young_days * DAY)

    def surprise(self, graph: Graph[Node], account: Node, users: int) -> int:
        return max(log(graph.number_of_edges()) - log(self.degree(graph, account)) - log(users), 0)

    def evidence(self, account: Node, target: Node, thing: Node) -> int:
        users = self.degree(self.ties, thing) + (not self.ties.has_edge(account, thing))
        around = self.ties.adj.get(thing, {})
        others = sorted((o for o in around if o != account), key=lambda o: -around[o]["arrived"])
        others = others[: self.policy.most_looked_at]
        if not others:
            return 0
        since = self.clock - int(self.policy.recent_days * DAY)
        there = self.degree(self.visits, target)
        met = [o for o in others if self.visits.get_edge_data(o, target, {"last": since})["last"] > since]
        weight = sum(
            self.surprise(self.ties, account, users) + self.surprise(self.visits, o, there) for o in met
        )
        by_chance = (len(others) * there * ONE) // max(len(self.born), 1)
        excess = max(len(met) * ONE - by_chance, 0) // len(others)
        told = ((weight // len(others) * excess) // ONE * log(1 + len(met))) // ONE
        peers = 0
        if self.is_young(account) or account not in self.ties:
            peers = sum(map(self.is_young, others))
        youth = log(len(self.born)) - log(sum(map(self.is_young, self.born)))
        return told + (peers * youth // len(others) * log(1 + peers)) // ONE


@st.composite
def use_streams(draw: st.DrawFn, *, longest: int = 40) -> list[Use]:
    now, stream = START, []
    for _ in range(draw(st.integers(1, longest))):
        now += draw(st.sampled_from((0, 0, HOUR, 7 * HOUR, DAY)))
        stream.append(
            Use(
                account=draw(st.sampled_from("abcdefgh")),
                target_kind=draw(st.sampled_from((MERCHANT, MERCHANT, ACCOUNT))),
                target=draw(st.sampled_from("axyz")),
                time=now - draw(st.sampled_from((0, 0, 0, 0, HOUR, DAY, 5 * DAY))),
                amount=draw(st.sampled_from((1.0, 25.0))),
                device=draw(st.sampled_from(("p", "q", None))),
                ip=draw(st.sampled_from(("p", None))),
            )
        )
    return stream


@settings(deadline=None, max_examples=80)
@given(use_streams())
def test_scores_are_those_of_the_slow_model_after_every_event(stream: list[Use]) -> None:
    fast, slow = SharedAttributes(SMALL), SlowShared(SMALL)
    for use in stream:
        assert tuple(fast.observe(use)) == slow.observe(use)


@settings(deadline=None, max_examples=30)
@given(use_streams(), st.data())
def test_batches_and_a_restart_change_nothing(stream: list[Use], data: st.DataObject) -> None:
    whole, parts = SharedAttributes(SMALL), SharedAttributes(SMALL)
    scores = whole.observe_all(stream).tolist()
    cut = data.draw(st.integers(0, len(stream)))
    first = parts.observe_all(stream[:cut]).tolist()
    parts = SharedAttributes.from_bytes(parts.to_bytes())
    assert scores == first + [list(parts.observe(use)) for use in stream[cut:]]
    assert parts.to_bytes() == whole.to_bytes()


def crowd(count: int) -> list[Use]:
    """Ordinary people: a phone and an address of their own, some shops of a few dozen, all known for weeks."""
    return [
        Use(f"p{i}", MERCHANT, f"shop{(i + k * 7) % 20}", START + k * DAY + i, 20.0, f"phone{i}", f"home{i}")
        for k in range(36)
        for i in range(count)
    ]


def after(*uses: Use) -> tuple[SharedAttributes, list[float]]:
    # In a small world nothing is as surprising as in a large one.
    shared = SharedAttributes(SharingPolicy(window_days=40.0, least_evidence=4.0))
    shared.observe_all(crowd(60))
    return shared, [shared.observe(use).evidence for use in uses]


def test_accounts_on_one_phone_at_one_back_street_shop_are_told_of() -> None:
    uses = [
        Use(f"p{i}", MERCHANT, "front", START + 36 * DAY + i * HOUR, 50.0 + i, "burner") for i in range(5)
    ]
    shared, evidence = after(*uses)
    assert evidence == sorted(evidence)
    found = shared.finding(uses[-1])
    assert found is not None
    assert (found.kind, found.centre) == (FindingKind.SHARED_ATTRIBUTE, "burner")
    assert set(found.accounts) == {f"p{i}" for i in range(5)}
    assert found.edges[-1] == ("p4", "front", START + 36 * DAY + 4 * HOUR, 54.0)


def test_a_family_at_a_popular_shop_and_a_public_terminal_are_not() -> None:
    family = [Use(f"p{i}", MERCHANT, "shop3", START + 36 * DAY + i * HOUR, 20.0, "tablet") for i in range(3)]
    terminal = [
        Use(f"p{i}", MERCHANT, f"shop{i % 20}", START + 37 * DAY + i * HOUR, 20.0, "kiosk") for i in range(20)
    ]
    ring = [Use(f"p{i}", MERCHANT, "front", START + 38 * DAY + i * HOUR, 20.0, "burner") for i in range(5)]
    shared, evidence = after(*family, *terminal, *ring)
    assert max(evidence[:23]) < 0.5 * evidence[-1]
    assert shared.finding(family[-1]) is None
    assert shared.finding(terminal[-1]) is None


def test_new_accounts_on_one_phone_tell_more_than_old_ones() -> None:
    new = [Use(f"new{i}", MERCHANT, f"shop{i}", START + 36 * DAY + i * HOUR, 20.0, "one") for i in range(3)]
    old = [Use(f"p{i}", MERCHANT, f"shop{i + 9}", START + 37 * DAY + i * HOUR, 20.0, "two") for i in range(3)]
    _, evidence = after(*new, *old)
    assert evidence[2] > evidence[5]


def test_what_has_aged_out_tells_nothing() -> None:
    uses = [Use(f"p{i}", MERCHANT, "front", START + 36 * DAY + i * HOUR, 50.0, "burner") for i in range(5)]
    shared, _ = after(*uses)
    shared.expire(START + 90 * DAY)
    assert len(shared) == 0
    assert tuple(shared.observe(uses[0])) == (0.0, 0.0, 0.0, 0.0)
    assert shared.late == 1


def test_a_full_window_drops_what_was_longest_unseen() -> None:
    shared = SharedAttributes(SharingPolicy(window_days=300.0, most_pairs=20))
    for i in range(60):
        shared.observe(Use(f"a{i}", MERCHANT, "x", START + i, 1.0, "d", "i"))
    assert len(shared) == 20


@pytest.mark.parametrize("content", [b"", b"x", SharedAttributes(SMALL).to_bytes()[:-9]])
def test_a_memory_of_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="shared attributes"):
        SharedAttributes.from_bytes(content)
