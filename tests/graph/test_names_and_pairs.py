"""The two hash tables of the graph against plain dictionaries."""

from __future__ import annotations

import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.kernels.pairs import pair_add, pair_find
from graph.layout import ACCOUNT, DEVICE, MERCHANT, NODE, PAYEE
from graph.motifs import MotifState
from graph.name_layout import LONGEST
from graph.nodes import NodeIndex, pack_names
from graph.online import OnlineGraph
from graph.pairs import PairTable
from tests.graph.streams import DAY, Raw, to_events

NAMES = st.text(min_size=1, max_size=50)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.one_of(st.none(), NAMES)), max_size=40))
def test_every_name_has_its_own_number(rows: list[tuple[str, str, str | None]]) -> None:
    graph = OnlineGraph(memory_budget=1 << 22)
    events = to_events(
        [Raw(DAY + i, account, shop, device=device) for i, (account, shop, device) in enumerate(rows)]
    )
    numbers: dict[tuple[int, str], int] = {}
    for ends, (account, shop, device) in zip(graph.observe(events).ends.tolist(), rows, strict=True):
        named = [(ACCOUNT, account), (MERCHANT, shop)] + ([] if device is None else [(DEVICE, device)])
        for end, name in zip(ends, named, strict=False):
            assert numbers.setdefault(name, len(numbers)) == end
            assert graph.index.find(*name) == end
        assert ends[3] == -1
    assert len(graph.index) == len(numbers)


def test_long_names_that_begin_alike_are_kept_apart() -> None:
    graph = OnlineGraph(memory_budget=1 << 22)
    names = ["x" * LONGEST, "x" * (LONGEST + 1), "x" * 128, "x" * 127 + "y", "ü" * 15, "ü" * 16, "ü" * 17]
    graph.observe(to_events([Raw(DAY, name, "shop") for name in names]))
    assert [graph.index.find(ACCOUNT, name) for name in names] == [0, *range(2, len(names) + 1)]
    assert graph.index.find(ACCOUNT, "x") == graph.index.find(PAYEE, names[0]) == -1


def test_names_are_hashed_as_zlib_does() -> None:
    graph = OnlineGraph(memory_budget=1 << 22)
    graph.observe(to_events([Raw(DAY, "a_käse", "shop")]))
    expected = [zlib.crc32(name) & 0xFF for name in (b"a_k\xc3\xa4se", b"shop")]
    assert graph.nodes["hash"][:2].tolist() == expected


@given(st.lists(st.text()))
def test_packed_names_are_whole_and_in_order(names: list[str]) -> None:
    text, sizes = pack_names(names)
    assert len(text) == sizes.sum()
    if all(len(name.encode()) <= LONGEST for name in names):
        assert text.tobytes() == "".join(names).encode()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20_000))
def test_pairs_grow_and_are_forgotten_like_entries_of_a_dictionary(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    table, nodes = PairTable(20_000), np.zeros(300, dtype=NODE)
    known: dict[tuple[int, int], int] = {}
    for when, (left, right) in enumerate(random.integers(0, 300, (count // 10, 2)).tolist()):
        place = pair_find(table.places, table.segments, left, right)
        assert (table.places["left"][place] != 0) == ((left, right) in known)
        if (left, right) not in known:
            place = pair_add(table.places, table.segments, place, left, right)
        table.places["last"][place] = known[left, right] = when
    assert len(table) == len(table.held()) == len(known)
    cutoff = count // 30
    assert table.forget(cutoff, nodes) == sum(last <= cutoff for last in known.values())
    for (left, right), last in known.items():
        place = pair_find(table.places, table.segments, left, right)
        assert (table.places["left"][place] != 0) == (last > cutoff)
    assert table.memory() < 2 * PairTable(0).memory() + 2 * len(known) * table.places.itemsize


def test_a_table_of_names_fills_to_its_capacity() -> None:
    index = NodeIndex(3_000)
    graph = OnlineGraph(memory_budget=0)
    graph.index, graph.motifs = index, MotifState(3_000, 64)
    stream = [Raw(DAY + i, f"a_{i}", "shop") for i in range(2_990)]
    graph.observe(to_events(stream), neighbourhoods=False)
    assert [index.find(ACCOUNT, f"a_{i}") for i in (0, 2_989)] == [0, 2_990]
    assert index.memory() > 2_991 * NODE.itemsize
