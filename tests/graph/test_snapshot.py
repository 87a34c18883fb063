from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import StoreError
from graph import snapshot
from graph.layout import PAIR
from graph.motifs import MotifState
from graph.nodes import NodeIndex
from graph.online import OnlineGraph
from graph.pairs import PairTable
from tests.graph.streams import Raw, assert_same_bits, random_stream, streams, to_events


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def assert_same_attributes(one: object, other: object, **used: int) -> None:
    """Every attribute, of the large arrays what is in use."""
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            there = slice(used.get(name))
            assert value[there].tobytes() == getattr(other, name)[there].tobytes(), name
        elif not isinstance(value, NodeIndex | PairTable | MotifState):
            assert value == getattr(other, name), name


def assert_same_state(one: OnlineGraph, other: OnlineGraph) -> None:
    """Where a name or a pair lies in its hash table is the one thing that may differ."""
    used, free = one.index.used, int(one.index.census[1])
    assert_same_attributes(one.index, other.index, room=used, names=used, free=free, table=0)
    assert_same_attributes(one.pairs, other.pairs, places=0)
    assert sorted_pairs(one) == sorted_pairs(other)
    for name, block in one.motifs.blocks().items():
        assert block.tobytes() == other.motifs.blocks()[name].tobytes(), name
    assert_same_attributes(one, other)


def sorted_pairs(graph: OnlineGraph) -> list[bytes]:
    return sorted(pair.tobytes() for pair in graph.pairs.places[graph.pairs.held()])


@st.composite
def interrupted(draw: st.DrawFn) -> tuple[list[Raw], list[Raw]]:
    stream = draw(streams())
    cut = draw(st.integers(0, len(stream)))
    return stream[:cut], stream[cut:]


@settings(max_examples=40, deadline=None)
@given(interrupted(), st.sampled_from([180.0, 4.5]))
def test_a_restored_graph_goes_on_bit_for_bit(
    folder: Path, stream: tuple[list[Raw], list[Raw]], retention_days: float
) -> None:
    before, after = stream
    graph = OnlineGraph(memory_budget=1 << 22, retention_days=retention_days)
    graph.observe(to_events(before))
    snapshot.save(graph, folder / "graph")
    restored = snapshot.load(folder / "graph")
    assert_same_state(graph, restored)
    assert_same_bits(graph.observe(to_events(after)), restored.observe(to_events(after)))
    assert_same_state(graph, restored)


@pytest.mark.parametrize("cut", [0, 1, 250, 400])
def test_a_restored_graph_goes_on_bit_for_bit_where_memory_is_short(tmp_path: Path, cut: int) -> None:
    stream = random_stream(seed=5, length=500, accounts=60)
    graph = OnlineGraph(memory_budget=0, retention_days=3)
    graph.observe(to_events(stream[:cut]))
    snapshot.save(graph, tmp_path / "graph")
    restored = snapshot.load(tmp_path / "graph")
    rest = to_events(stream[cut:])
    assert_same_bits(graph.observe(rest), restored.observe(rest))
    assert_same_state(graph, restored)


@pytest.fixture(scope="module")
def small(folder: Path) -> bytes:
    graph = OnlineGraph(memory_budget=0)
    graph.observe(to_events([Raw(10**15, "a_0", "Käse & Brot", device="d_0"), Raw(10**15, "a_1", "shop")]))
    snapshot.save(graph, folder / "small")
    return (folder / "small").read_bytes()


def assert_refused(path: Path, content: bytes, why: str = "is damaged") -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"{why}; rebuild the state by a replay") as refusal:
        snapshot.load(path)
    assert "\n" not in str(refusal.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_byte_is_refused(folder: Path, small: bytes, data: st.DataObject) -> None:
    header = small.index(b"\n")
    place = data.draw(st.one_of(st.integers(0, header), st.integers(0, len(small) - 1)))
    flip = data.draw(st.integers(1, 255))
    damaged = small[:place] + bytes([small[place] ^ flip]) + small[place + 1 :]
    assert_refused(folder / "damaged", damaged)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_shorter_or_longer_file_is_refused(folder: Path, small: bytes, data: st.DataObject) -> None:
    assert_refused(folder / "short", small[: data.draw(st.integers(0, len(small) - 1))])
    assert_refused(folder / "long", small + data.draw(st.binary(min_size=1, max_size=9)))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
def test_any_other_file_is_refused(folder: Path, content: bytes) -> None:
    assert_refused(folder / "other", content)


@pytest.mark.parametrize("said", ["format", "layout"])
def test_a_snapshot_of_another_version_is_refused_as_such(tmp_path: Path, small: bytes, said: str) -> None:
    line, rest = small.split(b"\n", 1)
    content = json.dumps(json.loads(line) | {said: "0"}).encode() + b"\n" + rest[:-32]
    assert_refused(
        tmp_path / "graph", content + hashlib.sha256(content).digest(), "version with another layout"
    )


def test_a_missing_snapshot_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        snapshot.load(tmp_path / "graph")


def test_a_failed_save_leaves_the_last_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "graph"
    graph = OnlineGraph()
    snapshot.save(graph, path)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    graph.observe(to_events([Raw(10**15, "a_0", "shop")]))
    with monkeypatch.context() as patch, pytest.raises(StoreError, match="No space left on device"):
        patch.setattr(snapshot, "_write", no_space)
        snapshot.save(graph, path)
    assert snapshot.load(path).transactions_seen == 0
    assert [file.name for file in tmp_path.iterdir()] == ["graph"]


def test_a_large_graph_is_saved_in_used_size_only_and_quickly(tmp_path: Path) -> None:
    count = 20_000
    stream = [Raw(10**15 + i, f"a_{i}", f"shop{i % 100}") for i in range(count)]
    graph = OnlineGraph()
    graph.observe(to_events(stream), neighbourhoods=False)
    started = time.process_time()
    snapshot.save(graph, tmp_path / "graph")
    restored = snapshot.load(tmp_path / "graph")
    took = time.process_time() - started
    used = graph.index.used * graph.nodes.itemsize + count * (PAIR.itemsize + 8)
    assert (tmp_path / "graph").stat().st_size < used + 33 * graph.index.used + 10_000
    assert np.array_equal(restored.nodes[:count], graph.nodes[:count])
    assert took < 3, f"{took:.1f} s for {count} nodes"
