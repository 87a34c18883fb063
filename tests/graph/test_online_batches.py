from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.observation import Observation
from graph.online import OnlineGraph
from tests.graph.streams import DAY, Raw, assert_same_bits, random_stream, rows, streams, to_events

Cuts = list[int]


def observe_in_parts(graph: OnlineGraph, stream: Sequence[Raw], cuts: Cuts) -> list[Observation]:
    edges = [0, *sorted(cuts), len(stream)]
    return [graph.observe(to_events(stream[start:stop])) for start, stop in pairwise(edges)]


def assert_parts_equal_whole(parts: Sequence[Observation], whole: Observation) -> None:
    start = whole.first_event
    for part in parts:
        assert part.first_event == start
        stop = start + len(part)
        assert_same_bits(part, rows(whole, start - whole.first_event, stop - whole.first_event))
        start = stop
    assert start == whole.first_event + len(whole)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[list[Raw], Cuts]:
    stream = draw(streams())
    return stream, draw(st.lists(st.integers(0, len(stream)), max_size=6))


@settings(max_examples=80, deadline=None)
@given(cut_streams(), st.sampled_from([180.0, 4.5, 0.5]))
def test_any_cut_of_a_stream_gives_the_same_bits(case: tuple[list[Raw], Cuts], retention_days: float) -> None:
    stream, cuts = case
    whole, cut = (OnlineGraph(memory_budget=1 << 22, retention_days=retention_days) for _ in range(2))
    assert_parts_equal_whole(observe_in_parts(cut, stream, cuts), whole.observe(to_events(stream)))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
@pytest.mark.parametrize("retention_days", [180.0, 1.0])
def test_batch_size_does_not_matter_when_memory_runs_out(size: int, retention_days: float) -> None:
    """The smallest graph holds 64 nodes; the stream knows about twice as many."""
    stream = random_stream(seed=3, length=500, accounts=60)
    whole, cut = (OnlineGraph(memory_budget=0, retention_days=retention_days) for _ in range(2))
    parts = observe_in_parts(cut, stream, list(range(size, len(stream), size)))
    assert_parts_equal_whole(parts, whole.observe(to_events(stream)))
    used = whole.index.used
    assert cut.index.census.tolist() == whole.index.census.tolist()
    for name in ("names", "free", "nodes"):
        assert np.array_equal(getattr(cut.index, name)[:used], getattr(whole.index, name)[:used]), name


def test_the_payee_side_of_an_account_is_not_seen_before_its_first_transfer() -> None:
    """Names are looked up for a whole batch at once; that must not let a row see who comes later in it."""
    first = Raw(10 * DAY, "a_0", "shop0")
    later = Raw(10 * DAY + 5, "a_1", "a_0", is_transfer=True)
    together = OnlineGraph().observe(to_events([first, later]))
    alone = OnlineGraph().observe(to_events([first]))
    assert_same_bits(rows(together, 0, 1), alone)


def test_a_newcomer_with_a_forgotten_ones_number_is_not_taken_for_it() -> None:
    graph = OnlineGraph(retention_days=5)
    graph.observe(to_events([Raw(100 * DAY, "a_old", "shop0"), Raw(103 * DAY, "a_stay", "shop0")]))
    number = graph.index.find(0, "a_old")
    graph.observe(to_events([Raw(106 * DAY, "a_stay", "shop0")]))
    assert graph.index.find(0, "a_old") == -1
    batch = [Raw(106 * DAY + 1, "a_stay", "shop0"), Raw(106 * DAY + 2, "a_new", "shop0")]
    seen = graph.observe(to_events(batch))
    assert graph.index.find(0, "a_new") == number
    again = OnlineGraph(retention_days=5)
    again.observe(to_events([Raw(100 * DAY, "a_old", "shop0"), Raw(103 * DAY, "a_stay", "shop0")]))
    again.observe(to_events([Raw(106 * DAY, "a_stay", "shop0")]))
    assert_same_bits(rows(seen, 0, 1), again.observe(to_events(batch[:1])))


def test_an_empty_batch_changes_nothing() -> None:
    graph = OnlineGraph()
    assert len(graph.observe(to_events([]))) == 0
    assert graph.transactions_seen == 0
    assert graph.day == 0


def test_without_neighbourhoods_only_the_dense_slots_are_missing() -> None:
    events = to_events(random_stream(seed=4, length=60))
    full, compact = OnlineGraph().observe(events), OnlineGraph().observe(events, neighbourhoods=False)
    for name in ("features", "ends", "self_message", "slot_age", "slot_count", "slot_serial"):
        assert getattr(full, name).tobytes() == getattr(compact, name).tobytes(), name
    assert len(compact.slot_message) == len(compact.slot_hop2) == len(compact.slot_hop2_count) == 0
