"""Shared attributes equal a slow model on networkx graphs after every event, and tell rings from families."""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph import snapshot
from graph.finding import Finding, FindingKind, FoundEdge
from graph.layout import DAY, HOUR
from graph.motif_layout import FoundArrays
from graph.online import DETECTORS, OnlineGraph
from graph.shared_attributes import SharedAttributes, SharingPolicy
from tests.graph.streams import Raw, assert_cuts_and_a_restart_change_nothing, assert_same_bits, to_events

ONE = 1 << 16
START = 20_000 * DAY
SMALL = SharingPolicy(
    window_days=3.0, young_days=2.0, recent_days=1.0, most_looked_at=3, least_evidence=0.125
)

Node = tuple[str, str]
Graph = nx.Graph  # of Node


def log(number: int) -> int:
    return round(math.log(max(number, 1)) * ONE)


@dataclass
class SlowShared:
    """Ties of accounts to things and their visits to targets as networkx graphs, everything worked out anew."""

    policy: SharingPolicy
    retention: int
    ties: Graph[Node] = field(default_factory=nx.Graph)
    visits: Graph[Node] = field(default_factory=nx.Graph)
    born: dict[Node, int] = field(default_factory=dict)
    clock: int = 0
    arrivals: int = 0
    day: int = 0

    def observe(self, raw: Raw) -> tuple[float, Finding | None]:
        """Evidence and finding of a transaction, from what was known before it."""
        self.clock = max(self.clock, raw.time)
        cutoff = self.clock - int(self.policy.window_days * DAY)
        if self.day and raw.time // DAY > self.day:
            self.drop(raw.time - self.retention)
        self.day = max(self.day, raw.time // DAY)
        self.drop(cutoff)
        account, target = ("account", raw.account), (f"target-{raw.is_transfer}", raw.target)
        things = [
            (kind, token) for kind, token in (("device", raw.device), ("ip", raw.ip)) if token is not None
        ]
        evidence = {thing: self.evidence(account, target, thing) for thing in things}
        best = max(things, key=lambda thing: evidence[thing], default=None)
        told = evidence[best] if best else 0
        found = (
            self.finding(raw, target, best, told)
            if best and told >= self.policy.least_evidence * ONE
            else None
        )
        if raw.time > cutoff:
            for thing in things:
                if account not in self.ties:
                    self.born[account] = self.clock
                self.touch(self.ties, account, thing, raw)
            self.touch(self.visits, account, target, raw)
        return told / ONE, found

    def drop(self, cutoff: int) -> None:
        for graph in (self.ties, self.visits):
            graph.remove_edges_from([(a, b) for a, b in graph.edges if graph[a][b]["last"] <= cutoff])
            graph.remove_nodes_from([node for node, degree in dict(graph.degree).items() if not degree])
        self.born = {account: since for account, since in self.born.items() if account in self.ties}

    def touch(self, graph: Graph[Node], one: Node, other: Node, raw: Raw) -> None:
        before = graph.get_edge_data(one, other, {"last": raw.time})
        self.arrivals += 1
        graph.add_edge(
            one, other, last=max(raw.time, before["last"]), amount=raw.amount, arrived=self.arrivals
        )

    @staticmethod
    def degree(graph: Graph[Node], node: Node) -> int:
        return int(graph.degree(node)) if node in graph else 0

    def is_young(self, account: Node) -> bool:
        return account in self.born and self.born[account] > self.clock - int(self.policy.young_days * DAY)

    def surprise(self, graph: Graph[Node], account: Node, users: int) -> int:
        return max(log(graph.number_of_edges()) - log(self.degree(graph, account)) - log(users), 0)

    def others(self, account: Node, thing: Node) -> list[Node]:
        around = self.ties.adj.get(thing, {})
        others = sorted((o for o in around if o != account), key=lambda o: -around[o]["arrived"])
        return others[: self.policy.most_looked_at]

    def was_there(self, account: Node, target: Node) -> bool:
        since = self.clock - int(self.policy.recent_days * DAY)
        return bool(self.visits.get_edge_data(account, target, {"last": since})["last"] > since)

    def evidence(self, account: Node, target: Node, thing: Node) -> int:
        users = self.degree(self.ties, thing) + (not self.ties.has_edge(account, thing))
        others = self.others(account, thing)
        if not others:
            return 0
        there = self.degree(self.visits, target)
        met = [o for o in others if self.was_there(o, target)]
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

    def finding(self, raw: Raw, target: Node, thing: Node, evidence: int) -> Finding:
        account = ("account", raw.account)
        is_young = self.is_young(account) or account not in self.ties
        edges = [FoundEdge(raw.account, raw.target, raw.time, raw.amount)]
        for other in self.others(account, thing):
            graph, where = (self.visits, target) if self.was_there(other, target) else (self.ties, thing)
            if graph is self.visits or (is_young and self.is_young(other)):
                seen = graph[other][where]
                edges.append(FoundEdge(other[1], where[1], seen["last"], seen["amount"]))
        edges.sort(key=lambda edge: edge.time)
        ends = [end for one in edges for end in (one.source, one.target if raw.is_transfer else one.source)]
        accounts = dict.fromkeys(one for one in ends if one != thing[1])
        strength = evidence / (self.policy.least_evidence * ONE + evidence)
        return Finding(
            FindingKind.SHARED_ATTRIBUTE,
            tuple(accounts),
            thing[1],
            tuple(edges),
            strength,
            NodeKind(thing[0]),
        )


class Telling(SharedAttributes):
    """Keeps the evidence of every transaction."""

    def __init__(self, capacity: int, memory: int, policy: SharingPolicy = SMALL) -> None:
        super().__init__(capacity, memory, policy)
        self.evidence: list[float] = []

    def observe(self, rows: NDArray[np.void], row: int, found: FoundArrays) -> NDArray[np.float64]:
        told = super().observe(rows, row, found)
        self.evidence += told.tolist()
        return told


@pytest.fixture(autouse=True, scope="module")
def telling() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DETECTORS, FindingKind.SHARED_ATTRIBUTE, Telling)
        yield


def watching(**bounds: Any) -> tuple[OnlineGraph, Telling]:
    given: dict[str, Any] = {"memory_budget": 1 << 22, "detectors": [FindingKind.SHARED_ATTRIBUTE]}
    graph = OnlineGraph(**(given | bounds))
    (detector,) = graph.detectors
    assert isinstance(detector, Telling)
    return graph, detector


@st.composite
def use_streams(draw: st.DrawFn, *, longest: int = 40) -> list[Raw]:
    now, stream = START, []
    for _ in range(draw(st.integers(1, longest))):
        now += draw(st.sampled_from((0, 0, HOUR, 7 * HOUR, DAY)))
        is_transfer = draw(st.sampled_from((False, False, True)))
        stream.append(
            Raw(
                now - draw(st.sampled_from((0, 0, 0, 0, HOUR, DAY, 5 * DAY))),
                draw(st.sampled_from("abcdefgh")),
                draw(st.sampled_from("axyz")),
                is_transfer,
                device=draw(st.sampled_from(("p", "q", None))),
                ip=draw(st.sampled_from(("i", None))),
                amount=draw(st.sampled_from((1.0, 25.0))),
            )
        )
    return stream


@settings(deadline=None, max_examples=80)
@given(use_streams(), st.sampled_from((100.0, 2.0, 0.5)))
def test_evidence_and_findings_are_those_of_the_slow_model_after_every_event(
    stream: list[Raw], retention_days: float
) -> None:
    graph, fast = watching(retention_days=retention_days)
    slow = SlowShared(SMALL, graph.retention)
    for raw in stream:
        seen = graph.observe(to_events([raw]))
        evidence, found = slow.observe(raw)
        assert fast.evidence[-1] == evidence
        assert seen.detected[0].findings(0) == (() if found is None else (found,))


def chance_stream(seed: int, length: int) -> list[Raw]:
    chance = random.Random(seed)  # noqa: S311
    now, stream = START, []
    for _ in range(length):
        now += chance.choice((0, 0, HOUR, 7 * HOUR, DAY))
        transfer = chance.random() < 0.3
        stream.append(
            Raw(
                now - chance.choice((0, 0, 0, 0, HOUR, 5 * DAY)),
                f"a{chance.randrange(30)}",
                f"a{chance.randrange(6)}" if transfer else chance.choice("xyz"),
                transfer,
                device=chance.choice(("p", "q", "r", None)),
                ip=chance.choice(("i", None)),
            )
        )
        if chance.random() < 0.2:
            stream.append(chance.choice(stream).reported(now, chance.random() < 0.3))
    return stream


@pytest.mark.parametrize("bounds", [{}, {"retention_days": 1.0}, {"memory_budget": 0}])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_batches_and_a_restart_change_nothing(tmp_path: Path, bounds: dict[str, Any], size: int) -> None:
    """The smallest graph holds 64 nodes, and forgets some of these all the time."""
    stream = chance_stream(size, 600)
    (whole, _), (cut, _) = watching(**bounds), watching(**bounds)
    seen = assert_cuts_and_a_restart_change_nothing(whole, cut, stream, size, tmp_path)
    assert sum(len(seen.detected[0].findings(row)) for row in range(len(seen))) > 30


def test_what_the_graph_evicts_leaves_nothing_behind() -> None:
    graph, detector = watching(memory_budget=0)
    for i in range(40):
        stream = [
            Raw(START + i * DAY + k, f"a{i}_{k}", f"shop{i}", device=f"d{i}", ip="i") for k in range(20)
        ]
        graph.observe(to_events(stream))
        free = graph.index.free[: graph.index.census[1]]
        blocks = detector.blocks(graph.index.used)
        for name in ("things_degree", "things_newest", "places_degree", "places_newest", "born"):
            assert not blocks[name][free].any(), name
    assert graph.index.used > graph.capacity - 4


def test_the_graph_says_the_same_with_and_without() -> None:
    (with_it, _), without = (
        watching(retention_days=1.0),
        OnlineGraph(memory_budget=1 << 22, retention_days=1.0),
    )
    events = [to_events(chance_stream(3, 300)) for _ in range(2)]
    seen, plain = with_it.observe(events[0]), without.observe(events[1])
    assert plain.detected == ()
    assert_same_bits(replace(seen, detected=()), plain)
    assert any(seen.findings(row) != plain.findings(row) for row in range(len(plain)))


def test_a_preview_and_a_silent_pass_leave_no_finding_and_the_former_no_trace() -> None:
    graph, detector = watching()
    stream = chance_stream(4, 100)
    silent = graph.observe(to_events(stream), neighbourhoods=False)
    assert silent.detected[0].findings(0) == ()
    before = {name: block.tobytes() for name, block in detector.blocks(graph.index.used).items()}
    payments = to_events([raw for raw in stream if not raw.is_label])
    assert graph.preview(payments).findings(len(payments) - 1) == silent.found.findings(0)
    assert before == {name: block.tobytes() for name, block in detector.blocks(graph.index.used).items()}


def test_a_snapshot_without_a_detector_can_be_given_one_and_the_other_way_round(tmp_path: Path) -> None:
    plain = OnlineGraph(memory_budget=1 << 22)
    plain.observe(to_events(chance_stream(5, 50)))
    snapshot.save(plain, tmp_path / "graph")
    header = json.loads((tmp_path / "graph").read_bytes().split(b"\n", 1)[0])
    assert "detectors" not in header
    assert list(header["blocks"]) == list(snapshot.DTYPES)
    restored = snapshot.load(tmp_path / "graph")
    assert restored.detectors == ()
    restored.detect([FindingKind.SHARED_ATTRIBUTE])
    later = to_events([Raw(START + 900 * DAY + i, f"new{i}", "x", device="p") for i in range(5)])
    assert restored.observe(later).detected[0].findings(4) == ()
    restored.detect([])
    snapshot.save(restored, tmp_path / "graph")
    assert "detectors" not in json.loads((tmp_path / "graph").read_bytes().split(b"\n", 1)[0])


def test_a_snapshot_with_a_detector_of_another_layout_is_refused(tmp_path: Path) -> None:
    snapshot.save(watching()[0], tmp_path / "graph")
    line, rest = (tmp_path / "graph").read_bytes().split(b"\n", 1)
    header = json.loads(line)
    for detectors in ({"shared_attribute": "0"}, header["detectors"] | {"of_tomorrow": "0"}):
        content = json.dumps(header | {"detectors": detectors}).encode() + b"\n" + rest[:-32]
        (tmp_path / "graph").write_bytes(content + hashlib.sha256(content).digest())
        with pytest.raises(StoreError, match="another layout; rebuild the state by a replay"):
            snapshot.load(tmp_path / "graph")


def crowd(count: int) -> list[Raw]:
    """Ordinary people: a phone and an address of their own, some shops of a few dozen, all known for weeks."""
    return [
        Raw(START + k * DAY + i, f"p{i}", f"shop{(i + k * 7) % 20}", device=f"phone{i}", ip=f"home{i}")
        for k in range(36)
        for i in range(count)
    ]


def after(*stream: Raw) -> tuple[Telling, list[float], list[tuple[Finding, ...]]]:
    """Evidence and findings of what comes after the crowd; a small world surprises less than a large one."""
    graph = OnlineGraph()
    policy = SharingPolicy(window_days=40.0, least_evidence=4.0)
    detector = Telling(graph.capacity, 1 << 28, policy)
    graph.detectors = (detector,)
    graph.observe(to_events(crowd(60)), neighbourhoods=False)
    detector.evidence.clear()
    seen = graph.observe(to_events(stream))
    return detector, detector.evidence, [seen.findings(row) for row in range(len(stream))]


def at_one_shop(count: int, shop: str, device: str, day: int) -> list[Raw]:
    return [
        Raw(START + day * DAY + i * HOUR, f"p{i}", shop, device=device, amount=50.0 + i) for i in range(count)
    ]


def test_accounts_on_one_phone_at_one_back_street_shop_are_told_of() -> None:
    _, evidence, found = after(*at_one_shop(5, "front", "burner", 36))
    assert evidence == sorted(evidence)
    (finding,) = found[-1]
    assert (finding.kind, finding.centre) == (FindingKind.SHARED_ATTRIBUTE, "burner")
    assert finding.accounts == tuple(f"p{i}" for i in range(5))
    assert finding.edges[-1] == ("p4", "front", START + 36 * DAY + 4 * HOUR, 54.0)
    assert found[0] == ()


def test_a_family_at_a_popular_shop_and_a_public_terminal_are_not() -> None:
    family = at_one_shop(3, "shop3", "tablet", 36)
    terminal = [Raw(START + 37 * DAY + i * HOUR, f"p{i}", f"shop{i % 20}", device="kiosk") for i in range(20)]
    _, evidence, found = after(*family, *terminal, *at_one_shop(5, "front", "burner", 38))
    assert max(evidence[:23]) < 0.5 * evidence[-1]
    assert not any(found[:23])


def test_new_accounts_on_one_phone_tell_more_than_old_ones() -> None:
    new = [Raw(START + 36 * DAY + i * HOUR, f"new{i}", f"shop{i}", device="one") for i in range(3)]
    old = [Raw(START + 37 * DAY + i * HOUR, f"p{i}", f"shop{i + 9}", device="two") for i in range(3)]
    _, evidence, _ = after(*new, *old)
    assert evidence[2] > evidence[5]


def test_what_has_aged_out_tells_nothing() -> None:
    stream = at_one_shop(5, "front", "burner", 36)
    late = replace(stream[0], time=START + 30 * DAY)
    detector, evidence, _ = after(*stream, Raw(START + 90 * DAY, "p0", "front", device="burner"), late)
    assert evidence[-2:] == [0.0, 0.0]
    assert len(detector) == detector.late == 1


def test_a_full_window_drops_what_was_longest_unseen() -> None:
    graph = OnlineGraph()
    detector = graph.detectors = (Telling(graph.capacity, 0, SharingPolicy(window_days=300.0)),)
    graph.observe(to_events([Raw(START + i, f"a{i}", "x", device="d", ip="i") for i in range(90)]))
    assert len(detector[0]) == detector[0].most_pairs == 64


def test_an_event_costs_the_same_however_many_share_a_thing() -> None:
    """A carrier's address with 100,000 users against one of forty."""
    graph, _ = watching()
    users = 100_000
    crowd_ = [Raw(START + i, f"c{i}", f"shop{i % 500}", ip="carrier") for i in range(users)]
    graph.observe(to_events(crowd_), neighbourhoods=False)
    few = [Raw(START + users + i, f"c{i}", f"shop{i % 500}", ip="few") for i in range(40)]
    graph.observe(to_events(few), neighbourhoods=False)
    (detector,) = graph.detectors

    def seconds(address: str, turn: int) -> float:
        at = START + users + 1000 * turn
        events = to_events([Raw(at + i, f"c{i}", f"shop{i % 500}", ip=address) for i in range(256)])
        graph.observe(events, neighbourhoods=False)
        started = time.thread_time()
        detector.observe(events.rows, 0, detector.found.of(0))
        return time.thread_time() - started

    took: dict[str, list[float]] = {"carrier": [], "few": []}
    for turn in range(20):
        for address, figures in took.items():
            figures.append(seconds(address, turn))
    assert median(took["carrier"]) < 3 * median(took["few"])
