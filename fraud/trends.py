"""Volumes, fraud and decisions over time, hour, place, kind and merchant, from the counts kept beside the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Executable, Integer, Select, Table, case, cast, func, select, type_coerce

from fraud.database import store_errors
from fraud.decision import Outcome
from fraud.desk_tables import trend_frauds, trend_hours, trend_merchants, trend_places
from fraud.record_reader import RecordReader
from fraud.record_tables import DAY, EPOCH, alerts, since_epoch
from fraud.trend_rollup import HOUR

__all__ = [
    "DayTrend",
    "HourTrend",
    "KindTrend",
    "MerchantTrend",
    "PlaceTrend",
    "Span",
    "Trends",
]

HOURS_A_DAY = 24
MOST_PLACES = 2_000
FRAUD_TIME = type_coerce(trend_frauds.c.event_time, BigInteger)


class Span(msgspec.Struct, frozen=True):
    """Days of event time, UTC, both included, and the channels that count; None: all, '' those without one."""

    since: date
    until: date
    channel: str | None = None


class DayTrend(msgspec.Struct, frozen=True):
    """Decisions of one day; ``stopped`` is the money of what was reviewed or blocked.

    ``frauds`` are those known by now, ``caught`` those of them that had been reviewed or blocked.
    """

    day: date
    transactions: int
    reviewed: int
    blocked: int
    money: float
    stopped: float
    frauds: int = 0
    caught: int = 0
    fraud_money: float = 0.0


class HourTrend(msgspec.Struct, frozen=True):
    """One hour of the week, UTC; ``weekday`` 0 is Monday."""

    weekday: int
    hour: int
    transactions: int
    frauds: int


class PlaceTrend(msgspec.Struct, frozen=True):
    """Transactions nearest to a whole degree of latitude and longitude."""

    latitude: int
    longitude: int
    transactions: int
    held: int
    frauds: int


class MerchantTrend(msgspec.Struct, frozen=True):
    """One merchant's purchases over a span."""

    merchant_id: str
    transactions: int
    held: int
    money: float
    stopped: float
    frauds: int
    fraud_money: float


class KindTrend(msgspec.Struct, frozen=True):
    """Alerts of one pattern over a span, by the day that they were opened."""

    kind: str
    alerts: int
    open: int
    money: float
    largest: int


class Trends:
    """Reads the counts; safe to share between threads. What is not added yet (``TrendRollup``) is not in them."""

    def __init__(self, record: RecordReader) -> None:
        self._record = record

    def reach(self) -> tuple[date, date] | None:
        """The first and the last day with counts, or None."""
        first, last = self._rows(select(func.min(trend_hours.c.hour), func.max(trend_hours.c.hour)))[0]
        if first is None:
            return None
        return _day(first // HOURS_A_DAY), _day(last // HOURS_A_DAY)

    def channels(self) -> list[str]:
        """Every channel that there has been, '' for none."""
        return [row[0] for row in self._rows(select(trend_hours.c.channel).distinct().order_by("channel"))]

    def days(self, span: Span) -> list[DayTrend]:
        """One row for each day with transactions, oldest first."""
        hours = trend_hours.c
        day = (hours.hour // HOURS_A_DAY).label("day")
        sums = [func.sum(hours[name]).label(name) for name in DayTrend.__struct_fields__[1:6]]
        query = _within(select(day, *sums), trend_hours, hours.hour // HOURS_A_DAY, span)
        frauds = {row.day: row for row in self._rows(self._frauds_by((FRAUD_TIME // DAY).label("day"), span))}
        found = []
        for row in self._rows(query.group_by(day).order_by(day)):
            known = frauds.get(row.day)
            extra = (int(known.frauds), int(known.caught), float(known.money)) if known else (0, 0, 0.0)
            counts = (int(row.transactions), int(row.reviewed), int(row.blocked))
            found.append(DayTrend(_day(row.day), *counts, float(row.money), float(row.stopped), *extra))
        return found

    def week(self, span: Span) -> list[HourTrend]:
        """All 168 hours of the week, Monday 0 h first."""
        hours = trend_hours.c
        query = select(hours.hour, func.sum(hours.transactions).label("transactions"))
        query = _within(query, trend_hours, hours.hour // HOURS_A_DAY, span).group_by(hours.hour)
        seen = _folded((row.hour, row.transactions) for row in self._rows(query))
        frauds = self._frauds_by((FRAUD_TIME // HOUR).label("hour"), span)
        known = _folded((row.hour, row.frauds) for row in self._rows(frauds))
        return [HourTrend(slot // 24, slot % 24, seen[slot], known[slot]) for slot in range(168)]

    def places(self, span: Span) -> list[PlaceTrend]:
        """Whole degrees with transactions, the busiest ``MOST_PLACES``."""
        place = trend_places.c
        total = func.sum(place.transactions)
        query = select(
            place.latitude, place.longitude, total.label("transactions"), func.sum(place.held).label("held")
        )
        query = _within(query, trend_places, place.day, span).group_by(place.latitude, place.longitude)
        fraud = trend_frauds.c
        latitude = cast(func.round(fraud.latitude), Integer).label("latitude")
        longitude = cast(func.round(fraud.longitude), Integer).label("longitude")
        known = self._frauds_by(latitude, span, longitude).where(fraud.latitude.is_not(None))
        frauds = {(row.latitude, row.longitude): int(row.frauds) for row in self._rows(known)}
        return [
            PlaceTrend(
                row.latitude,
                row.longitude,
                int(row.transactions),
                int(row.held),
                frauds.get((row.latitude, row.longitude), 0),
            )
            for row in self._rows(query.order_by(total.desc()).limit(MOST_PLACES))
        ]

    def merchants(self, span: Span, *, limit: int = 100) -> list[MerchantTrend]:
        """The merchants with most known frauds, then most money stopped."""
        merchant = trend_merchants.c
        query = select(
            merchant.merchant_id,
            *(func.sum(merchant[name]).label(name) for name in ("transactions", "held", "money", "stopped")),
        )
        query = _within(query, trend_merchants, merchant.day, span).group_by(merchant.merchant_id)
        fraud = trend_frauds.c
        known = self._frauds_by(fraud.merchant_id, span).where(fraud.merchant_id.is_not(None)).subquery()
        sums = query.subquery()
        joined = select(
            sums, func.coalesce(known.c.frauds, 0).label("frauds"), func.coalesce(known.c.money, 0.0)
        )
        joined = joined.outerjoin_from(sums, known, known.c.merchant_id == sums.c.merchant_id)
        worst = func.coalesce(known.c.frauds, 0).desc(), sums.c.stopped.desc(), sums.c.merchant_id
        return [
            MerchantTrend(
                row[0], int(row[1]), int(row[2]), float(row[3]), float(row[4]), int(row[5]), float(row[6])
            )
            for row in self._rows(joined.order_by(*worst).limit(limit))
        ]

    def kinds(self, span: Span) -> list[KindTrend]:
        """Alerts by pattern, the most frequent first; a channel makes no difference to them."""
        alert = alerts.c
        since, until = _moments(span)
        query = select(
            alert.kind,
            func.count().label("alerts"),
            func.sum(case((alert.state != "closed", 1), else_=0)).label("open"),
            func.sum(alert.money).label("money"),
            func.max(alert.size).label("largest"),
        ).where(alert.opened_at >= since, alert.opened_at < until)
        return [
            KindTrend(row.kind, int(row.alerts), int(row.open), float(row.money), int(row.largest))
            for row in self._rows(query.group_by(alert.kind).order_by(func.count().desc(), alert.kind))
        ]

    def _frauds_by(self, key: Any, span: Span, *more: Any) -> Select[Any]:
        fraud = trend_frauds.c
        since, until = _moments(span)
        caught = fraud.outcome.in_([Outcome.REVIEW.value, Outcome.BLOCK.value])
        query = select(
            key,
            *more,
            func.count().label("frauds"),
            func.sum(case((caught, 1), else_=0)).label("caught"),
            func.sum(fraud.amount).label("money"),
        ).where(fraud.event_time >= since, fraud.event_time < until)
        if span.channel is not None:
            query = query.where(fraud.channel == span.channel)
        return query.group_by(key, *more)

    def _rows(self, query: Executable) -> Sequence[Any]:
        with store_errors("read"), self._record.engine.connect() as connection:
            return connection.execute(query).all()


def _within(query: Select[Any], table: Table, day: Any, span: Span) -> Select[Any]:
    query = query.where(day >= _day_number(span.since), day <= _day_number(span.until))
    return query if span.channel is None else query.where(table.c.channel == span.channel)


def _folded(counts: Any) -> list[int]:
    """Counts by hour since the epoch as counts by hour of the week; 1970-01-01 was a Thursday."""
    week = [0] * 168
    for hour, count in counts:
        week[(hour + 3 * HOURS_A_DAY) % 168] += int(count)
    return week


def _moments(span: Span) -> tuple[datetime, datetime]:
    since = datetime.combine(span.since, datetime.min.time(), UTC)
    return since, datetime.combine(span.until, datetime.min.time(), UTC) + timedelta(days=1)


def _day_number(day: date) -> int:
    return since_epoch(datetime.combine(day, datetime.min.time(), UTC)) // DAY


def _day(number: int) -> date:
    return EPOCH.date() + timedelta(days=number)
