"""Counts for trends: equal to sums over the record, however they were cut into portions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from fraud import trend_rollup
from fraud.decision import Decision, Outcome
from fraud.label import Label
from fraud.record import Record
from fraud.transaction import Transaction
from fraud.trend_rollup import TrendRollup
from fraud.trends import Span, Trends

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
MARCH = Span(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
def record(record_url: str) -> Iterator[Record]:
    record = Record.open(record_url)
    yield record
    record.close()


def paid(number: int, *, channel: str | None = "online") -> Transaction:
    return Transaction(
        transaction_id=f"t{number}",
        event_time=START + timedelta(hours=5 * number),
        account_id=f"a{number % 7}",
        amount=10.0 + number,
        merchant_id=f"m{number % 3}",
        channel=channel,
        latitude=47.4 if number % 2 else None,
        longitude=8.6 if number % 2 else None,
    )


def decided(one: Transaction, number: int) -> Decision:
    outcome = (Outcome.APPROVE, Outcome.REVIEW, Outcome.BLOCK)[number % 3]
    return Decision(one.transaction_id, one.event_time, 0.1, outcome, "v")


def write(record: Record, numbers: range, *, stream: str = "main", channel: str | None = "online") -> None:
    some = [paid(number, channel=channel) for number in numbers]
    pairs = zip(some, numbers, strict=True)
    record.write_batch(some, [decided(one, number) for one, number in pairs], stream=stream)


def fraud(number: int, *, is_fraud: bool = True, after: int = 0) -> Label:
    return Label(f"t{number}", is_fraud, START + timedelta(days=20 + after), "bank")


def test_days_equal_the_sums_of_the_record(record: Record) -> None:
    write(record, range(40))
    write(record, range(40, 60), stream="other", channel=None)
    assert TrendRollup(record).catch_up() == 0
    trends = Trends(record)
    assert trends.reach() == (date(2026, 3, 2), date(2026, 3, 14))
    assert trends.channels() == ["", "online"]
    summed = {day.day: day for day in trends.days(MARCH)}
    for day in record.counts_by_day():
        assert summed[day.day].reviewed == day.reviewed
        assert summed[day.day].blocked == day.blocked
        assert summed[day.day].money == pytest.approx(day.money)
        assert summed[day.day].stopped == pytest.approx(day.stopped)
    assert sum(day.transactions for day in summed.values()) == 60
    assert sum(day.transactions for day in trends.days(Span(MARCH.since, MARCH.until, "online"))) == 40
    assert sum(day.transactions for day in trends.days(Span(date(2026, 3, 3), date(2026, 3, 3)))) == 5


def test_portions_change_nothing_and_nothing_counts_twice(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in range(0, 40, 4):
        write(record, range(first, first + 4))
    monkeypatch.setattr(trend_rollup, "PORTION", 6)
    rollup = TrendRollup(record)
    assert rollup.is_behind()
    assert rollup.catch_up(seconds=0.0) == 40
    rollup.catch_up(seconds=60.0)
    once = Trends(record).days(MARCH)
    assert sum(day.transactions for day in once) == 40
    TrendRollup(record).catch_up(seconds=60.0)
    assert Trends(record).days(MARCH) == once
    assert not rollup.is_behind()


def test_two_that_count_at_once_add_each_portion_once(record: Record) -> None:
    write(record, range(12))
    rollup = TrendRollup(record)
    rollup._add_portion("main", 0)
    rollup._add_portion("main", 0)
    assert sum(day.transactions for day in Trends(record).days(MARCH)) == 12


def test_frauds_follow_the_newest_label(record: Record) -> None:
    write(record, range(12))
    record.write_labels([fraud(1), fraud(2), fraud(3), fraud(99)])
    rollup, trends = TrendRollup(record), Trends(record)
    rollup.catch_up(seconds=60.0)
    days = trends.days(MARCH)
    # t3 had been approved, t1 reviewed, t2 blocked; t99 is not on record.
    assert (sum(day.frauds for day in days), sum(day.caught for day in days)) == (3, 2)
    assert sum(day.fraud_money for day in days) == pytest.approx(11.0 + 12.0 + 13.0)
    record.write_labels([fraud(2, is_fraud=False, after=1)])
    rollup.catch_up(seconds=60.0)
    assert sum(day.frauds for day in trends.days(MARCH)) == 2
    record.write_labels([fraud(2, is_fraud=True, after=2)])
    rollup.catch_up(seconds=60.0)
    assert sum(day.frauds for day in trends.days(MARCH)) == 3


def test_hours_of_the_week_begin_on_monday(record: Record) -> None:
    write(record, range(1))
    record.write_labels([fraud(0)])
    TrendRollup(record).catch_up(seconds=60.0)
    week = Trends(record).week(MARCH)
    assert len(week) == 168
    assert [(one.weekday, one.hour, one.frauds) for one in week if one.transactions] == [(0, 0, 1)]


def test_places_and_merchants(record: Record) -> None:
    write(record, range(12))
    record.write_labels([fraud(1)])
    TrendRollup(record).catch_up(seconds=60.0)
    trends = Trends(record)
    (place,) = trends.places(MARCH)
    assert (place.latitude, place.longitude, place.transactions, place.frauds) == (47, 9, 6, 1)
    merchants = trends.merchants(MARCH)
    assert (merchants[0].merchant_id, merchants[0].frauds) == ("m1", 1)
    assert sum(one.transactions for one in merchants) == 12
    assert len(trends.merchants(MARCH, limit=1)) == 1


def test_an_empty_record_has_no_reach(record: Record) -> None:
    assert TrendRollup(record).catch_up() == 0
    assert Trends(record).reach() is None
    assert Trends(record).days(MARCH) == []


def test_the_counts_are_small_beside_the_record(record: Record) -> None:
    """A thousand payments an hour make one line, not a thousand."""
    some = [
        Transaction(
            transaction_id=f"t{number}",
            event_time=START + timedelta(seconds=number),
            account_id="a",
            amount=1.0,
            merchant_id="m",
            channel="online",
        )
        for number in range(1_000)
    ]
    record.write_batch(some, [decided(one, 0) for one in some])
    TrendRollup(record).catch_up(seconds=60.0)
    with record.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM trend_hours")).scalar_one() == 1
