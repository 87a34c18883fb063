from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fraud.errors import InputError
from graph.transfer_patterns import COLUMNS, TransferPatterns
from graph.vertex_statistics import VertexStatistics

Edge = tuple[int, int, int, float]
WINDOW = 50
BINS = (2, 3, 5)

edges = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 4),
        st.sampled_from((0, 1, 3, 20, 400_000)),
        st.sampled_from((0.01, 5.0, 12.34, 99.99, 250_000.0)),
    ),
    max_size=60,
)


def columns(stream: list[Edge]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    source, target, gap, amount = (np.array(column) for column in zip(*stream, strict=True))
    return source, target, np.cumsum(gap), amount.astype(np.float64)


def of_side(held: list[dict[str, float]], others: int) -> list[float]:
    if not held:
        return [0.0] * 13
    out = [others, len(held), len(held) / others]
    for field in ("time", "amount"):
        values = np.array([data[field] for data in held])
        spread = values.max() > values.min()
        out += [values.mean(), values.sum(), values.var() if spread else 0.0]
        out += [stats.skew(values), stats.kurtosis(values, fisher=False)] if spread else [0.0, 0.0]
    return out


@settings(max_examples=80, deadline=None)
@given(edges, st.integers(1, 9))
def test_statistics_equal_those_of_networkx_after_every_edge(stream: list[Edge], size: int) -> None:
    if not stream:
        return
    source, target, time, amount = columns(stream)
    state = VertexStatistics(5, WINDOW, fan_bins=BINS)
    parts = [slice(i, i + size) for i in range(0, len(stream), size)]
    rows = np.concatenate([state.observe(source[p], target[p], time[p], amount[p]) for p in parts])
    assert rows.shape == (len(stream), len(state.columns))
    for i, row in enumerate(rows):
        lot = nx.MultiDiGraph()
        lot.add_nodes_from(range(5))
        for k in range(i + 1):
            if time[k] > time[i] - WINDOW:
                lot.add_edge(source[k], target[k], time=time[k], amount=amount[k])
        wanted: list[float] = []
        for vertex in (source[i], target[i]):
            paid = [data for _, _, data in lot.out_edges(vertex, data=True)]
            got = [data for _, _, data in lot.in_edges(vertex, data=True)]
            wanted += of_side(paid, len(set(lot.successors(vertex))))
            wanted += of_side(got, len(set(lot.predecessors(vertex))))
        fans = [len(set(lot.predecessors(target[i]))), len(set(lot.successors(source[i])))]
        binned = [float(np.searchsorted(BINS, fan, side="right") - 1 == k) for fan in fans for k in range(3)]
        np.testing.assert_allclose(row, [*binned, *wanted], rtol=1e-6, atol=1e-6)


def test_nothing_is_left_of_large_numbers_once_they_have_gone() -> None:
    """A running sum of fourth powers in floating point would remember the million."""
    state = VertexStatistics(2, WINDOW)
    ones = np.ones(3)
    state.observe(np.zeros(3, int), np.ones(3, int), np.arange(3), 300_000.0 * ones)
    row = state.observe(np.zeros(3, int), np.ones(3, int), 200 + np.arange(3), np.array([0.01, 0.02, 0.04]))[
        -1
    ]
    column = {name: row[i] for i, name in enumerate(state.columns)}
    assert column["source_out_amount_skew"] == pytest.approx(stats.skew([1, 2, 4]), rel=1e-9)
    assert column["target_in_amount_variance"] == pytest.approx(np.var([0.01, 0.02, 0.04]), rel=1e-9)


def test_tables_grow_with_what_the_window_holds() -> None:
    random = np.random.default_rng(1)
    count = 20_000
    source, target = random.integers(0, 500, (2, count))
    state = VertexStatistics(500, count)
    rows = state.observe(source, target, np.arange(count), np.full(count, 7.0))
    fan = state.columns.index("source_out_fan")
    last = rows[-1, fan]
    assert last == len(set(target[source == source[-1]].tolist()))


@pytest.mark.slow
def test_edges_out_of_order_or_of_unknown_vertices_are_refused() -> None:
    state = VertexStatistics(3, WINDOW)
    one = np.ones(1, int)
    state.observe(one, 0 * one, 9 * one, np.ones(1))
    with pytest.raises(InputError, match="in order of time"):
        state.observe(one, 0 * one, 8 * one, np.ones(1))
    with pytest.raises(InputError, match="from 0 to 2"):
        state.observe(3 * one, 0 * one, 9 * one, np.ones(1))
    with pytest.raises(InputError, match="from 0 to 2"):
        TransferPatterns(3, WINDOW).observe(3 * one, 0 * one, 9 * one, np.ones(1))


@settings(max_examples=60, deadline=None)
@given(edges)
def test_cycles_by_time_alone_equal_those_of_networkx(stream: list[Edge]) -> None:
    """Counted once for the same accounts in the same order, as GFP counts them."""
    stream = [edge for edge in stream if edge[0] != edge[1]]
    if not stream:
        return
    source, target, time, amount = columns(stream)
    state = TransferPatterns(5, WINDOW, most_cycles=4096)
    rows = state.observe(source, target, time, amount)
    if state.state.truncated:
        return
    for i, row in enumerate(rows):
        lot = nx.MultiDiGraph()
        for k in range(i + 1):
            if time[k] > time[i] - WINDOW:
                lot.add_edge(source[k], target[k], key=k)
        wanted = dict.fromkeys(range(3, 9), 0)
        for nodes in nx.simple_cycles(nx.DiGraph(lot), length_bound=8):
            if len(nodes) < 3 or source[i] not in nodes:
                continue
            start = nodes.index(source[i]) + 1
            path = nodes[start:] + nodes[:start]
            if path[0] != target[i]:
                continue
            at = (-1, -1)
            for one, other in itertools.pairwise(path):
                later = [(time[k], k) for k in lot[one][other] if (time[k], k) > at and k < i]
                at = min(later, default=(np.inf, 0))
            wanted[len(nodes)] += at[0] < np.inf
        assert row[2:8].tolist() == [wanted[length] for length in range(3, 9)], i
    assert len(COLUMNS) == rows.shape[1]
