from __future__ import annotations

import time
from statistics import median

import numpy as np

from graph.features import FEATURE_NAMES
from graph.layout import ACCOUNT, DEVICE, MERCHANT, PAIR, PAYEE
from graph.observation import FANOUT, Observation
from graph.online import OnlineGraph
from tests.graph.streams import DAY, SECOND, Raw, to_events

TODAY = 20_000 * DAY


def feature(seen: Observation, name: str) -> list[float]:
    column: list[float] = seen.features[:, FEATURE_NAMES.index(name)].tolist()
    return column


def test_a_hub_with_many_edges_costs_what_a_quiet_node_costs() -> None:
    """Same payers, same minute; only the merchant's past differs: 120,000 edges against 8."""
    graph = OnlineGraph()
    payers, edges = 6_000, 120_000
    for start in range(0, edges, payers):
        batch = [Raw(TODAY + start + i, f"a_{i}", "hub", device=f"d_{i}") for i in range(payers)]
        graph.observe(to_events(batch), neighbourhoods=False)
    quiet = [Raw(TODAY + edges + i, f"a_{i % payers}", f"shop{i // FANOUT}") for i in range(256 * FANOUT)]
    graph.observe(to_events(quiet), neighbourhoods=False)
    hub = graph.nodes[graph.index.find(MERCHANT, "hub")]
    assert (hub["count"], hub["degree"][0], hub["slot_count"]) == (edges, payers, FANOUT)

    def batch_seconds(shops: list[str], at: int) -> float:
        events = to_events([Raw(at + i, f"a_{i}", shop, device=f"d_{i}") for i, shop in enumerate(shops)])
        started = time.thread_time()
        graph.observe(events)
        return time.thread_time() - started

    at = TODAY + 10**6
    nodes = len(graph.index)
    busy, calm = [], []
    for turn in range(30):
        busy.append(batch_seconds(["hub"] * 256, at + 1000 * turn))
        calm.append(batch_seconds([f"shop{i}" for i in range(256)], at + 1000 * turn + 500))
    assert median(busy) < 2 * median(calm)
    assert len(graph.index) == nodes


def test_it_grows_without_a_fixed_number_of_nodes() -> None:
    graph = OnlineGraph()
    before = graph.memory()
    count = 12_000
    stream = [Raw(TODAY + i, f"a_{i}", f"shop{i}", device=f"d_{i}", ip=f"i_{i}") for i in range(count)]
    seen = graph.observe(to_events(stream), neighbourhoods=False)
    assert len(graph.index) == 4 * count
    assert graph.counters.tolist() == [count, 3 * count]
    assert set(feature(seen, "account_is_new")) == {1.0}
    again = graph.observe(to_events([Raw(TODAY + SECOND, "a_0", "shop0", device="d_0", ip="i_0")]))
    assert feature(again, "pair_count") == [1.0]
    assert feature(again, "account_is_new") == [0.0]
    held = 4 * count * graph.nodes.itemsize + 3 * count * PAIR.itemsize
    assert held < graph.memory() - before < 1.1 * held


def test_memory_stays_within_its_budget_and_what_was_seen_last_is_kept() -> None:
    graph = OnlineGraph(memory_budget=1_000_000)
    stream = [Raw(TODAY + i, f"a_{i}", f"shop{i}", device=f"d_{i}") for i in range(5_000)]
    graph.observe(to_events(stream), neighbourhoods=False)
    assert graph.index.used <= graph.capacity
    assert 0.8 * graph.capacity < len(graph.index) <= graph.capacity
    assert graph.index.find(ACCOUNT, "a_4999") >= 0
    assert graph.index.find(ACCOUNT, "a_0") == -1
    known = [graph.index.find(ACCOUNT, f"a_{i}") >= 0 for i in range(5_000)]
    assert known == sorted(known)


def test_memory_does_not_grow_while_nodes_come_and_go() -> None:
    graph = OnlineGraph(retention_days=2)
    figures, memory = [], []
    for day in range(12):
        now = TODAY + day * DAY
        stream = [Raw(now + i, f"a_{day}_{i}", f"shop{i % 9}", device=f"d_{day}_{i}") for i in range(500)]
        graph.observe(to_events(stream))
        figures.append((len(graph.index), int(graph.counters[1])))
        memory.append(graph.memory())
    assert len(set(figures[4:])) == 1
    assert memory[-1] < 1.03 * memory[4], "hashing fills some segments a little more than others"


def test_forgetting_a_node_takes_its_pairs_degrees_and_twin_along() -> None:
    graph = OnlineGraph(retention_days=10)
    graph.observe(
        to_events(
            [
                Raw(TODAY, "a_gone", "shop", device="d_both"),
                Raw(TODAY + 1, "a_gone", "a_stays", is_transfer=True),
                Raw(TODAY + 2, "a_stays", "a_gone", is_transfer=True),
                Raw(TODAY + 5 * DAY, "a_stays", "shop", device="d_both"),
                Raw(TODAY + 5 * DAY, "a_other", "a_stays", is_transfer=True),
            ]
        )
    )
    assert [graph.nodes[graph.index.find(DEVICE, "d_both")]["degree"][0], graph.counters[1]] == [2, 7]
    graph.observe(to_events([Raw(TODAY + 12 * DAY, "a_stays", "shop", device="d_both")]))
    assert graph.index.find(ACCOUNT, "a_gone") == graph.index.find(PAYEE, "a_gone") == -1
    named = [(ACCOUNT, "a_stays"), (MERCHANT, "shop"), (DEVICE, "d_both"), (PAYEE, "a_stays")]
    degrees = [graph.nodes[graph.index.find(*name)]["degree"].tolist() for name in named]
    assert degrees == [[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert graph.counters[1] == 3

    numbers = set(graph.index.free[: graph.index.census[1]].tolist())
    back = graph.observe(to_events([Raw(TODAY + 12 * DAY + 1, "a_gone", "shop", device="d_both")]))
    assert graph.index.find(ACCOUNT, "a_gone") in numbers
    for name, value in {
        "account_is_new": 1,
        "account_degree": 0,
        "pair_is_new": 1,
        "account_devices": 0,
    }.items():
        assert feature(back, name) == [value], name
    assert np.isnan(feature(back, "account_inflow_count_7d")).all()


def test_pairs_grow_old_even_when_both_of_their_ends_stay_busy() -> None:
    graph = OnlineGraph(retention_days=10)
    graph.observe(to_events([Raw(TODAY, "a_0", "rare")]))
    for day in range(1, 13):
        now = TODAY + day * DAY
        graph.observe(to_events([Raw(now, "a_0", "usual"), Raw(now, "a_1", "rare")]))
    seen = graph.observe(to_events([Raw(TODAY + 12 * DAY + 1, "a_0", "rare")]))
    assert feature(seen, "pair_is_new") == [1.0]
    assert feature(seen, "account_degree") == [1.0]
    assert feature(seen, "target_degree") == [1.0]


def test_a_late_event_never_gives_a_negative_age() -> None:
    fraud = Raw(TODAY + 3 * DAY, "a_0", "shop", device="d", amount=10.0)
    late = Raw(TODAY, "a_0", "shop", device="d")
    stream = [late, fraud, fraud, fraud.reported(TODAY + 4 * DAY, True), late]
    seen = OnlineGraph().observe(to_events(stream))
    ages = [i for i, name in enumerate(FEATURE_NAMES) if "hours_since" in name or "days_since" in name]
    last = seen.features[-1, ages]
    assert (last[~np.isnan(last)] >= 0).all()
    assert feature(seen, "account_days_since_fraud")[-1] == 0
    assert (seen.slot_age >= 0).all()
