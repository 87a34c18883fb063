"""A transaction is described from what was known strictly before it: its future may be any, the row stays the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from graph.events import Events
from graph.features import FEATURE_NAMES
from graph.observation import Observation
from graph.online import OnlineGraph
from tests.graph.streams import DAY, GAPS, START, Raw, assert_same_bits, rows, to_events, transactions

Row = tuple[Raw, bool, int]
"""A transaction, what will be reported of it, and after how long (µs)."""

Observe = Callable[[list[Row]], Observation]


@dataclass(frozen=True)
class Case:
    """A log, a moment in it, and the same log with another future from that moment on."""

    log: list[Row]
    other: list[Row]
    moment: int


def merged(log: list[Row], delay: Callable[[int], int] = lambda delay: delay) -> list[Raw]:
    """The log as it becomes known: labels when they are reported, after transactions of the same instant."""
    labels = [raw.reported(raw.time + delay(later), is_fraud) for raw, is_fraud, later in log]
    stream = [raw for raw, _, _ in log] + labels
    return sorted(stream, key=lambda x: (x.time if x.known_at is None else x.known_at, x.is_label))


def observe(log: list[Row]) -> Observation:
    return OnlineGraph().observe(to_events(merged(log)))


def insert_then_describe(log: list[Row]) -> Observation:
    """A leak: the whole batch is in the graph before its rows are described."""

    class Hasty(OnlineGraph):
        def observe(self, events: Events, *, neighbourhoods: bool = True) -> Observation:
            super().observe(events)
            return super().observe(events, neighbourhoods=neighbourhoods)

    return replace(Hasty().observe(to_events(merged(log))), first_event=0)


def labels_at_event_time(log: list[Row]) -> Observation:
    """A leak: labels count from the moment of the transaction, as they do in a table read whole."""
    return OnlineGraph().observe(to_events(merged(log, delay=lambda _: 0)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Two logs alike up to the moment in all that was known by then, unlike after it."""
    length = draw(st.integers(1, 15))
    moment = draw(st.integers(0, length - 1))
    log: list[Row] = []
    now = START
    for _ in range(length):
        now += draw(st.sampled_from(GAPS))
        log.append((draw(transactions(now)), draw(st.booleans()), draw(st.sampled_from(GAPS))))
    at = log[moment][0].time
    other: list[Row] = []
    for i, (raw, is_fraud, later) in enumerate(log):
        unknown = raw.time + later >= at
        if i > moment:
            raw = draw(transactions(raw.time + draw(st.sampled_from(GAPS))))
        if unknown:
            is_fraud, later = draw(st.booleans()), at - raw.time + draw(st.sampled_from(GAPS))
        other.append((raw, is_fraud, max(later, 0)))
    other[moment + 1 :] = sorted(other[moment + 1 :], key=lambda row: row[0].time)
    return Case(log, other, moment)


def assert_future_does_not_matter(case: Case, observe: Observe) -> None:
    """Rows are counted in time order, so the rows up to the moment are the same in both logs."""
    one, other = observe(case.log), observe(case.other)
    assert_same_bits(rows(one, 0, case.moment + 1), rows(other, 0, case.moment + 1))


@settings(max_examples=120, deadline=None)
@given(cases())
def test_what_happens_or_is_reported_later_does_not_matter(case: Case) -> None:
    assert_future_does_not_matter(case, observe)


@pytest.mark.parametrize("leak", [insert_then_describe, labels_at_event_time])
def test_a_planted_leak_is_found(leak: Observe) -> None:
    @settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate])
    @given(cases())
    def check(case: Case) -> None:
        assert_future_does_not_matter(case, leak)

    with pytest.raises(AssertionError, match="differs"):
        check()


def test_a_label_counts_from_the_moment_it_was_reported() -> None:
    payment = Raw(START, "a_0", "shop0")
    label = payment.reported(START + 3 * DAY, True)
    before, after = (replace(payment, time=START + 3 * DAY + shift) for shift in (-1, 1))
    seen = OnlineGraph().observe(to_events([payment, before, label, after]))
    frauds = seen.features[
        :, [FEATURE_NAMES.index("account_frauds"), FEATURE_NAMES.index("target_frauds_7d")]
    ]
    assert np.array_equal(frauds, [[0, 0], [0, 0], [1, 1]])
