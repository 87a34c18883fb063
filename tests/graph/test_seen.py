"""Ids seen lately: exactly the last ones, whatever the batches."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from graph.seen import SeenIds

IDS = st.lists(st.text(alphabet="abcdé", min_size=1, max_size=40), max_size=60)


def cut(ids: list[str], at: list[int]) -> list[list[str]]:
    places = sorted({min(place, len(ids)) for place in at} | {0, len(ids)})
    return [ids[start:stop] for start, stop in pairwise(places)]


@given(ids=IDS, at=st.lists(st.integers(0, 60)), horizon=st.integers(1, 20))
def test_what_is_new_depends_on_the_order_alone(ids: list[str], at: list[int], horizon: int) -> None:
    whole = SeenIds(horizon).admit(ids).tolist()
    parts = SeenIds(horizon)
    assert [new for part in cut(ids, at) for new in parts.admit(part).tolist()] == whole


@given(ids=IDS, horizon=st.integers(1, 20))
def test_two_generations_of_distinct_ids_are_remembered(ids: list[str], horizon: int) -> None:
    young: set[str] = set()
    older: set[str] = set()
    expected = []
    for one in ids:
        new = one not in young and one not in older
        expected.append(new)
        if new:
            young.add(one)
        if len(young) == horizon:
            young, older = set(), young
    assert SeenIds(horizon).admit(ids).tolist() == expected


@given(ids=IDS, more=IDS, horizon=st.integers(1, 20))
def test_a_restored_memory_goes_on_alike(ids: list[str], more: list[str], horizon: int) -> None:
    seen = SeenIds(horizon)
    seen.admit(ids)
    again = SeenIds.restore(horizon, seen.arrays())
    assert again.admit(more).tolist() == seen.admit(more).tolist()
