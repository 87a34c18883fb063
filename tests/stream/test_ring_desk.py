"""The ring desk says the same whatever its batches, and goes on in another process as if it had never stopped."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.errors import StoreError
from stream.desk import Raised, RingDesk
from stream.suspicion import Suspicion
from tests.stream.suspicions import streams_of_suspicions

REVIEW_COST = 5.0


def said(desk: RingDesk, suspicions: Sequence[Suspicion]) -> bytes:
    return msgspec.json.encode(desk.observe(suspicions))


@settings(max_examples=60)
@given(streams_of_suspicions(), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_batches_change_nothing(suspicions: list[Suspicion], sizes: list[int]) -> None:
    whole = RingDesk(REVIEW_COST).observe(suspicions)
    desk, raised, begin = RingDesk(REVIEW_COST), Raised([], []), 0
    for size in itertools.cycle(sizes):
        if begin >= len(suspicions):
            break
        part = desk.observe(suspicions[begin : begin + size])
        raised.rings += part.rings
        raised.alerts += part.alerts
        begin += size
    assert msgspec.json.encode(raised) == msgspec.json.encode(whole)
    assert desk.to_bytes() == (other := RingDesk(REVIEW_COST), other.observe(suspicions))[0].to_bytes()


@settings(max_examples=100)
@given(streams_of_suspicions(), st.data())
def test_a_desk_goes_on_in_another_process(suspicions: list[Suspicion], data: st.DataObject) -> None:
    """Saved anywhere, twice in a row too; the suspicions themselves come over the wire."""
    at = data.draw(st.integers(0, len(suspicions)))
    again = data.draw(st.integers(at, len(suspicions)))
    one = RingDesk(REVIEW_COST)
    one.observe(suspicions[:at])
    other = RingDesk.from_bytes(one.to_bytes(), REVIEW_COST)
    assert other.to_bytes() == one.to_bytes()
    assert said(other, suspicions[at:again]) == said(one, suspicions[at:again])
    third = RingDesk.from_bytes(other.to_bytes(), REVIEW_COST)
    over_the_wire = msgspec.msgpack.decode(msgspec.msgpack.encode(suspicions[again:]), type=list[Suspicion])
    assert said(third, over_the_wire) == said(one, suspicions[again:])
    assert third.to_bytes() == one.to_bytes()


@settings(max_examples=60)
@given(streams_of_suspicions(longest=60))
def test_an_alert_is_raised_in_rising_versions(suspicions: list[Suspicion]) -> None:
    """So that the record, which keeps each version once, loses none."""
    raised = RingDesk(REVIEW_COST).observe(suspicions)
    keys = [alert.idempotency_key for alert in raised.alerts]
    assert len(keys) == len(set(keys))
    for identity in {alert.alert_id for alert in raised.alerts}:
        versions = [alert.version for alert in raised.alerts if alert.alert_id == identity]
        assert versions == list(range(1, len(versions) + 1))
    for identity in {ring.ring_id for ring in raised.rings}:
        versions = [ring.version for ring in raised.rings if ring.ring_id == identity]
        assert versions == list(range(1, len(versions) + 1))


def test_the_made_up_streams_bring_up_rings() -> None:
    """Else the tests above would show nothing."""
    made: list[int] = []

    @settings(max_examples=60, database=None, derandomize=True)
    @given(streams_of_suspicions())
    def count(suspicions: list[Suspicion]) -> None:
        made.append(len(RingDesk(REVIEW_COST).observe(suspicions).rings))

    count()
    assert sum(one > 1 for one in made) > 10


def test_a_memory_of_another_format_is_refused() -> None:
    content = msgspec.msgpack.decode(RingDesk(REVIEW_COST).to_bytes())
    with pytest.raises(StoreError, match="ring desk: format 99, this release reads 3"):
        RingDesk.from_bytes(msgspec.msgpack.encode([99, *content[1:]]), REVIEW_COST)


@given(st.binary(max_size=60))
def test_any_other_memory_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(StoreError, match="ring desk: ") as refusal:
        RingDesk.from_bytes(content, REVIEW_COST)
    assert "\n" not in str(refusal.value)
