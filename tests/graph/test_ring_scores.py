"""What the ring desk says of an account is a feature of both ends of its payments, from then on and for a month."""

from __future__ import annotations

import numpy as np
import pytest

from graph.events import from_ring_marks
from graph.features import FEATURE_NAMES
from graph.layout import ACCOUNT, PAYEE, RING_MARK_DAYS
from graph.online import OnlineGraph
from graph.ring_mark import RingMark
from graph.ring_policy import RingPolicy
from tests.graph.streams import DAY, Raw, mark, to_events

OF_ACCOUNT, OF_TARGET = (FEATURE_NAMES.index(f"{role}_ring_score") for role in ("account", "target"))
NOON = 20_000 * DAY + DAY // 2


def scores(graph: OnlineGraph, *stream: Raw) -> list[tuple[float, float]]:
    """Of the payments in a stream: ring scores of payer and target, in steps of 1 / 255."""
    features = graph.observe(to_events(stream)).features
    return [(round(row[OF_ACCOUNT] * 255, 3), round(row[OF_TARGET] * 255, 3)) for row in features.tolist()]


def transfer(time: int, account: str, target: str) -> Raw:
    return Raw(time, account, target, is_transfer=True)


def test_both_ends_are_scored_from_the_mark_on_and_not_before() -> None:
    there, back = transfer(NOON, "a", "b"), transfer(NOON + 3, "b", "a")
    shop = Raw(NOON + 4, "a", "shop")
    seen = scores(OnlineGraph(), there, mark(NOON, "a", 204), mark(NOON, "b", 17), there, back, shop)
    assert seen == [(0, 0), (204, 17), (17, 204), (204, 0)]


def test_a_side_that_comes_after_the_mark_has_it_from_the_other() -> None:
    graph = OnlineGraph()
    assert scores(graph, Raw(NOON, "a", "shop"), mark(NOON, "a", 255), transfer(NOON, "b", "a")) == [
        (0, 0), (0, 255),
    ]  # fmt: skip
    assert scores(graph, mark(NOON, "a", 51), transfer(NOON, "b", "a"), transfer(NOON, "a", "b")) == [
        (0, 51), (51, 0),
    ]  # fmt: skip
    assert scores(graph, mark(NOON, "a", 0), transfer(NOON, "a", "b"), transfer(NOON, "b", "a")) == [
        (0, 0), (0, 0),
    ]  # fmt: skip


def test_a_mark_counts_for_as_long_as_the_desk_remembers() -> None:
    assert RingPolicy().window_days == RING_MARK_DAYS
    last = NOON - DAY // 2 + (RING_MARK_DAYS + 1) * DAY - 1
    first = Raw(NOON, "a", "shop")
    assert scores(OnlineGraph(), first, mark(NOON, "a", 204), Raw(last, "a", "shop")) == [(0, 0), (204, 0)]
    assert scores(OnlineGraph(), first, mark(NOON, "a", 204), Raw(last + 1, "a", "shop")) == [(0, 0), (0, 0)]


def test_a_mark_makes_nobody_known() -> None:
    graph = OnlineGraph()
    assert scores(graph, mark(NOON, "a", 204), Raw(NOON, "b", "shop"), Raw(NOON, "a", "shop")) == [
        (0, 0),
        (0, 0),
    ]
    assert len(graph.index) == 3
    graph.observe(to_events([mark(NOON, "b", 204)]))
    assert graph.index.find(PAYEE, "b") == graph.index.find(ACCOUNT, "c") == -1


def test_a_forgotten_account_is_marked_no_more() -> None:
    graph = OnlineGraph(retention_days=5)
    assert scores(graph, Raw(NOON, "a", "shop"), mark(NOON, "a", 204), Raw(NOON + 6 * DAY, "a", "shop")) == [
        (0, 0), (0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_marks_told_as_the_ledger_tells_them_say_the_same(batch: int) -> None:
    """Through ``from_ring_marks``, in whatever batches."""
    payments = [Raw(NOON, "a", "shop"), transfer(NOON, "b", "a"), Raw(NOON, "c", "shop")]
    marks = [RingMark("a", 204, NOON), RingMark("nobody", 9, NOON), RingMark("c", 51, NOON)]
    graph = OnlineGraph()
    graph.observe(to_events(payments))
    for begin in range(0, len(marks), batch):
        assert len(graph.observe(from_ring_marks(marks[begin : begin + batch]))) == 0
    told = [mark(one.time, one.account, one.level) for one in marks]
    other = OnlineGraph()
    other.observe(to_events([*payments, *told]))
    again = to_events(payments)
    assert np.array_equal(
        graph.observe(again).features, other.observe(to_events(payments)).features, equal_nan=True
    )
    assert graph.transactions_seen == 6
