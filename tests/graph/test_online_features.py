from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings

from graph.features import FEATURE_NAMES
from graph.observation import FANOUT, ROLES, Observation
from graph.online import OnlineGraph
from tests.graph.slow_features import describe, messages
from tests.graph.slow_model import SlowGraph
from tests.graph.streams import SECOND, Raw, random_stream, streams, to_events

COUNTS = {"count", "is", "has", "known", "frauds", "degree", "length", "devices", "ips", "weekday", "month"}
COUNTS |= {"fan", "closed", "width", "hops"}
KILOMETRES = 0.05
"""float32 degrees hold a place to a few metres, their running mean to a few tens."""


def is_exact(name: str) -> bool:
    return not COUNTS.isdisjoint(name.split("_"))


def assert_features(row: np.ndarray, expected: dict[str, float]) -> None:
    assert set(expected) == set(FEATURE_NAMES), set(expected) ^ set(FEATURE_NAMES)
    for name, got in zip(FEATURE_NAMES, row.tolist(), strict=True):
        want = expected[name]
        if math.isnan(want) or math.isnan(got) or is_exact(name):
            same = got == want or (math.isnan(want) and math.isnan(got))
        elif name.startswith("km_"):
            same = math.isclose(got, want, rel_tol=1e-4, abs_tol=KILOMETRES)
        elif name == "speed_kmh":
            same = math.isclose(got, want, rel_tol=1e-4, abs_tol=KILOMETRES * 60)
        else:
            same = math.isclose(got, want, rel_tol=2e-5, abs_tol=2e-5)
        assert same, f"{name}: the graph says {got}, the slow model {want}"


def assert_neighbourhood(seen: Observation, row: int, slow: SlowGraph, raw: Raw) -> None:
    """Slots and messages; a rounding at the half of a 256th may fall either way."""
    for role, message in enumerate(messages(slow, raw)):
        assert np.abs(seen.self_message[row, role] - np.array(message)).max() <= 1, (ROLES[role], message)
    for role, node in enumerate(slow.ends(raw)):
        slots = node.history[-FANOUT:] if node else []
        empty = FANOUT - len(slots)
        assert seen.slot_count[row, role] == len(slots)
        assert seen.slot_serial[row, role].tolist() == [entry.serial for entry in slots] + [-1] * empty
        ages = [max(raw.time // SECOND - entry.raw.time // SECOND, 0) for entry in slots] + [0] * empty
        np.testing.assert_allclose(seen.slot_age[row, role], np.log1p(np.array(ages) / 3600), rtol=1e-6)
        assert seen.slot_hop2_count[row, role].tolist() == [len(entry.hop2) for entry in slots] + [0] * empty
        for k, entry in enumerate(slots):
            hop2 = np.sum(entry.hop2, axis=0) if entry.hop2 else np.zeros(16)
            assert np.abs(seen.slot_message[row, role, k] - np.array(entry.message)).max() <= 1
            assert np.abs(seen.slot_hop2[row, role, k] - hop2).max() <= len(entry.hop2)


def assert_equals_slow_model(graph: OnlineGraph, stream: Sequence[Raw]) -> None:
    slow = SlowGraph(capacity=graph.capacity, retention_days=graph.retention / 86_400e6)
    seen = graph.observe(to_events(stream))
    row = 0
    for raw in stream:
        slow.make_room(raw)
        if raw.is_label:
            slow.reveal(raw)
            continue
        if raw.is_mark:
            slow.mark(raw)
            continue
        assert_features(seen.features[row], describe(slow, raw))
        assert_neighbourhood(seen, row, slow, raw)
        slow.insert(raw, messages(slow, raw))
        row += 1
    assert len(seen) == row
    assert len(graph.index) == len(slow.nodes)
    assert graph.counters.tolist() == [row, len(slow.pairs)]


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(streams())
def test_features_equal_the_slow_model(stream: list[Raw]) -> None:
    assert_equals_slow_model(OnlineGraph(memory_budget=1 << 22), stream)


@settings(max_examples=60, deadline=None)
@given(streams())
def test_features_equal_the_slow_model_across_evictions_by_age(stream: list[Raw]) -> None:
    assert_equals_slow_model(OnlineGraph(memory_budget=1 << 22, retention_days=4.5), stream)


@pytest.mark.parametrize("retention_days", [180.0, 2.0])
def test_features_equal_the_slow_model_over_a_long_stream(retention_days: float) -> None:
    stream = random_stream(seed=1, length=400)
    assert_equals_slow_model(OnlineGraph(memory_budget=1 << 22, retention_days=retention_days), stream)


def test_features_equal_the_slow_model_across_evictions_by_memory() -> None:
    graph = OnlineGraph(memory_budget=0)
    stream = random_stream(seed=2, length=400, accounts=50)
    assert_equals_slow_model(graph, stream)
    assert graph.capacity == 64
    assert graph.index.used > 56
