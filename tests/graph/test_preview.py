from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import InputError
from graph import snapshot
from graph.events import TRANSACTION
from graph.nodes import LENT
from graph.observation import Observation
from graph.online import OnlineGraph
from tests.graph.streams import (
    DAY,
    HOUR,
    START,
    Raw,
    assert_same_bits,
    random_stream,
    streams,
    to_events,
    transactions,
)


def bits(graph: OnlineGraph) -> dict[str, bytes]:
    """All of the state: what a snapshot holds, and what it makes anew."""
    with TemporaryDirectory() as folder:
        snapshot.save(graph, Path(folder) / "graph.bin")
        saved = (Path(folder) / "graph.bin").read_bytes()
    index = graph.index
    return {
        "snapshot": saved,
        "table": index.table[: int(index.census[2])].tobytes(),
        "spare": index.room[index.used : index.used + LENT].tobytes(),
        "spare names": index.names[index.used : index.used + LENT].tobytes(),
    }


def copied(graph: OnlineGraph) -> OnlineGraph:
    with TemporaryDirectory() as folder:
        snapshot.save(graph, Path(folder) / "graph.bin")
        return snapshot.load(Path(folder) / "graph.bin")


def looked_at(graph: OnlineGraph, payments: list[Raw]) -> Observation:
    """Previews of all; the state must not have moved."""
    before = bits(graph)
    seen = graph.preview(to_events(payments))
    after = bits(graph)
    for name in before:
        assert before[name] == after[name], name
    return seen


def assert_as_if_each_came_alone(graph: OnlineGraph, payments: list[Raw]) -> None:
    seen = looked_at(graph, payments)
    for i, one in enumerate(payments):
        alone = copied(graph).observe(to_events([one]))
        assert_same_bits(seen.take(np.array([i])), alone.take(np.array([0])))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Raw], list[Raw]]:
    """A stream, and payments of its last day or before to look at, those of newcomers included."""
    stream = draw(streams(longest=30))
    last = max((one.time if one.known_at is None else one.known_at for one in stream), default=START)
    ages = st.sampled_from([0, 1, HOUR // 2, HOUR, 5 * HOUR, 3 * DAY, 40 * DAY])
    looked = draw(st.lists(ages.flatmap(lambda age: transactions(last - age)), min_size=1, max_size=4))
    newcomer = Raw(last, "a_new", draw(st.sampled_from(["shop_new", "a_0", "a_new"])), amount=77.0)
    if newcomer.target.startswith("a_"):
        newcomer = Raw(**{**newcomer.__dict__, "is_transfer": True, "device": "d_new"})
    return stream, [*looked, newcomer]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_preview_says_what_observing_would_and_leaves_no_trace(case: tuple[list[Raw], list[Raw]]) -> None:
    stream, payments = case
    # Without forgetting, which a preview leaves out.
    graph = OnlineGraph(memory_budget=1 << 22, retention_days=100_000)
    graph.observe(to_events(stream))
    assert_as_if_each_came_alone(graph, payments)


@settings(max_examples=25, deadline=None)
@given(streams(longest=30), st.data())
def test_what_comes_after_previews_is_the_same_as_without_them(
    stream: list[Raw], data: st.DataObject
) -> None:
    """Also what no snapshot holds, such as numbers to be given out, must be as it was."""
    cut = data.draw(st.integers(0, len(stream)))
    plain, looked = (OnlineGraph(memory_budget=1 << 22, retention_days=4.5) for _ in range(2))
    for graph in (plain, looked):
        graph.observe(to_events(stream[:cut]))
    times = st.sampled_from([START, START + 3 * DAY, START + 90 * DAY])
    looked_at(looked, data.draw(st.lists(times.flatmap(transactions), max_size=5)))
    assert_same_bits(plain.observe(to_events(stream[cut:])), looked.observe(to_events(stream[cut:])))
    assert bits(plain) == bits(looked)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_stream_of_transfers_with_cycles_and_gathers(seed: int) -> None:
    stream = random_stream(seed, 400, accounts=9)
    graph = OnlineGraph(memory_budget=1 << 22, retention_days=100_000)
    graph.observe(to_events(stream))
    payments = [one for one in stream if one.kind == TRANSACTION][-12:]
    assert any(one.is_transfer for one in payments)
    assert_as_if_each_came_alone(graph, payments)


def test_the_ring_of_transfers_full_to_the_brim() -> None:
    """A transfer that makes it grow, and one where it may not grow: what it drops comes back."""
    for budget in (1 << 26, 0):
        graph = OnlineGraph(memory_budget=budget, retention_days=100_000)
        held = len(graph.motifs.arrays.transfers) if budget == 0 else 1024
        many = [Raw(START + i, f"a_{i % 12}", f"a_{(i + 1) % 12}", is_transfer=True) for i in range(held)]
        graph.observe(to_events(many))
        assert_as_if_each_came_alone(
            graph,
            [
                Raw(START + held, "a_3", "a_9", is_transfer=True),
                Raw(START + held, "a_3", "a_8", is_transfer=True),
            ],
        )


def test_while_the_graph_is_full_newcomers_are_looked_at_and_nobody_has_to_go() -> None:
    stream = random_stream(seed=3, length=500, accounts=60)
    graph = OnlineGraph(memory_budget=0)
    graph.observe(to_events(stream))
    last = max(one.time for one in stream)
    for i in range(graph.capacity):
        if graph.capacity - len(graph.index) == LENT:
            break
        graph.observe(to_events([Raw(last, f"a_more{i}", "shop0")]))
    graph.observe(to_events([Raw(last, "a_last", "shop_last", device="d_last", ip="i_last")]))
    assert len(graph.index) == graph.capacity
    alone = looked_at(graph, [Raw(last, "a_new", "shop_new", device="d_new", ip="i_new", amount=9.0)])
    assert (alone.ends >= 0).all()
    assert alone.slot_count.tolist() == [[0, 0, 0, 0]]


def test_labels_are_no_payments() -> None:
    one = Raw(START, "a_0", "shop0")
    with pytest.raises(InputError, match="preview"):
        OnlineGraph().preview(to_events([one, one.reported(START + 1, True)]))
