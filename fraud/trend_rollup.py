"""Counts for trends, kept beside the record: each batch is added once, so that a page never sums millions of rows.

Whoever looks at trends brings the counts up to the record, portion by portion. A portion and the place that it reaches
are written together, after a look that nobody else has added it meanwhile.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    case,
    cast,
    delete,
    func,
    select,
    type_coerce,
)

from fraud.database import AT_ONCE, portions, store_errors, upsert, writing
from fraud.decision import Outcome
from fraud.desk_tables import trend_frauds, trend_hours, trend_merchants, trend_places, trend_positions
from fraud.record_log import BATCH_ROWS
from fraud.record_reader import RecordReader
from fraud.record_rows import DecidedTransaction
from fraud.record_tables import DAY, batches, decisions, labels, transactions

__all__ = ["HOUR", "TrendRollup"]

HOUR = DAY // 24
"""Microseconds in an hour."""

PORTION = 20_000
"""Transactions added in one database transaction, about: what a writer of the record may have to wait for."""

CHANNEL = func.coalesce(transactions.c.channel, "")
TIME = type_coerce(transactions.c.event_time, BigInteger)
ONE = func.count()
HELD = func.sum(case((decisions.c.outcome != Outcome.APPROVE.value, 1), else_=0))
STOPPED = func.sum(case((decisions.c.outcome != Outcome.APPROVE.value, transactions.c.amount), else_=0.0))
MONEY = func.sum(transactions.c.amount)


def _decided_as(outcome: Outcome) -> Any:
    return func.sum(case((decisions.c.outcome == outcome.value, 1), else_=0))


COUNTS: dict[Table, tuple[dict[str, Any], dict[str, Any], Any]] = {
    trend_hours: (
        {"hour": TIME // HOUR, "channel": CHANNEL},
        {
            "transactions": ONE,
            "reviewed": _decided_as(Outcome.REVIEW),
            "blocked": _decided_as(Outcome.BLOCK),
            "money": MONEY,
            "stopped": STOPPED,
        },
        transactions.c.row_id.is_not(None),
    ),
    trend_merchants: (
        {"day": TIME // DAY, "merchant_id": transactions.c.merchant_id, "channel": CHANNEL},
        {"transactions": ONE, "held": HELD, "money": MONEY, "stopped": STOPPED},
        transactions.c.merchant_id.is_not(None),
    ),
    trend_places: (
        {
            "day": TIME // DAY,
            "latitude": cast(func.round(transactions.c.latitude), Integer),
            "longitude": cast(func.round(transactions.c.longitude), Integer),
            "channel": CHANNEL,
        },
        {"transactions": ONE, "held": HELD},
        transactions.c.latitude.is_not(None) & transactions.c.longitude.is_not(None),
    ),
}
"""By table of counts: its keys, its sums, and which transactions count."""


class TrendRollup:
    """Brings the counts up to the record; safe to share between threads and processes."""

    def __init__(self, record: RecordReader) -> None:
        self._record = record

    def is_behind(self) -> bool:
        """Whether there is anything to add."""
        reached = self._reached()
        return any(newest > reached.get(stream, 0) for stream, newest in self._record.streams().items())

    def catch_up(self, seconds: float = 1.0) -> int:
        """Add what is new for about ``seconds``; returns the transactions that are still to be added."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            reached = self._reached()
            behind = [s for s, newest in self._record.streams().items() if newest > reached.get(s, 0)]
            if not behind:
                return 0
            for stream in behind:
                self._add_portion(stream, reached.get(stream, 0))
        return self._record.waiting(self._reached())

    def _reached(self) -> dict[str, int]:
        with store_errors("read"), self._record.engine.connect() as connection:
            return {row.stream: row.batch_id for row in connection.execute(select(trend_positions))}

    def _add_portion(self, stream: str, after: int) -> None:
        last = self._portion_end(stream, after)
        frauds, cleared = self._labelled(stream, after, last)
        with store_errors("write"), self._record.engine.connect() as connection, writing(connection):
            if not _advance(connection, stream, after, last):
                return
            for table, (keys, sums, counted) in COUNTS.items():
                _add(connection, table, keys, sums, _of_portion(stream, after, last).where(counted))
            for ids in portions(cleared):
                connection.execute(delete(trend_frauds).where(trend_frauds.c.transaction_id.in_(ids)))
            if frauds:
                connection.execute(upsert(connection, trend_frauds).on_conflict_do_nothing(), frauds)

    def _portion_end(self, stream: str, after: int) -> int:
        batch = batches.c
        query = select(batch.batch_id, batch.transactions).where(
            batch.stream == stream, batch.batch_id > after
        )
        last, size = after, 0
        with store_errors("read"), self._record.engine.connect() as connection:
            for row in connection.execute(query.order_by(batch.batch_id).limit(AT_ONCE)):
                if last > after and size + row.transactions > PORTION:
                    break
                last, size = row.batch_id, size + row.transactions
        return last

    def _labelled(self, stream: str, after: int, last: int) -> tuple[list[dict[str, Any]], list[str]]:
        """Rows of the transactions whose newest label is fraud, and ids of those whose newest label is not.

        A label whose transaction is not on record yet is left out.
        """
        about = select(labels.c.transaction_id).join(batches, batches.c.batch_id == labels.c.batch_id)
        about = about.where(batches.c.stream == stream, labels.c.batch_id > after, labels.c.batch_id <= last)
        with store_errors("read"), self._record.engine.connect() as connection:
            ids = list(connection.scalars(about.distinct()))
        truth = {one: reports[-1].is_fraud for one, reports in self._record.labels(ids).items()}
        frauds = self._record.transactions(one for one, is_fraud in truth.items() if is_fraud)
        return [_fraud_row(one) for one in frauds], [one for one, is_fraud in truth.items() if not is_fraud]


def _of_portion(stream: str, after: int, last: int) -> Select[Any]:
    batch, row_id = batches.c, transactions.c.row_id
    of_batch = (row_id >= batch.batch_id * BATCH_ROWS) & (row_id < (batch.batch_id + 1) * BATCH_ROWS)
    query = select().select_from(batches).join(transactions, of_batch)
    query = query.join(decisions, decisions.c.row_id == row_id)
    return query.where(batch.stream == stream, batch.batch_id > after, batch.batch_id <= last)


def _add(
    connection: Connection, table: Table, keys: dict[str, Any], sums: dict[str, Any], rows: Select[Any]
) -> None:
    query = rows.add_columns(*keys.values(), *sums.values()).group_by(*keys.values())
    statement = upsert(connection, table).from_select([*keys, *sums], query)
    added = {name: table.c[name] + statement.excluded[name] for name in sums}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=added))


def _advance(connection: Connection, stream: str, after: int, last: int) -> bool:
    """Take the portion; False when another has taken it."""
    statement = upsert(connection, trend_positions)
    there = trend_positions.c.batch_id
    taken = statement.values(stream=stream, batch_id=last).on_conflict_do_update(
        index_elements=["stream"], set_={"batch_id": last}, where=there == after
    )
    return connection.execute(taken.returning(there)).first() is not None


def _fraud_row(one: DecidedTransaction) -> dict[str, Any]:
    return {
        "transaction_id": one.transaction_id,
        "event_time": one.event_time,
        "channel": one.channel or "",
        "amount": one.amount,
        "outcome": "" if one.outcome is None else one.outcome.value,
        "merchant_id": one.merchant_id,
        "latitude": one.latitude,
        "longitude": one.longitude,
    }
