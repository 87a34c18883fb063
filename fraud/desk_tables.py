"""Tables of the investigators' desk beside cases: saved views, thresholds that people set, and counts for trends."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from fraud.record_tables import Instant, Number, metadata

__all__ = [
    "saved_views",
    "threshold_changes",
    "trend_frauds",
    "trend_hours",
    "trend_merchants",
    "trend_places",
    "trend_positions",
]

saved_views = Table(
    "saved_views",
    metadata,
    Column("owner", String, primary_key=True),
    Column("page", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("query", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)
"""Filters of a page that a person keeps under a name, as the query string of the page's address."""

threshold_changes = Table(
    "threshold_changes",
    metadata,
    Column("number", Number, primary_key=True),
    Column("model_version", String, nullable=False),
    Column("review", Float(53), nullable=False),
    Column("block", Float(53), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Index("threshold_changes_by_model", "model_version", "number"),
    sqlite_autoincrement=True,
)
"""Thresholds that people set for a model, never altered: the one with the highest number is in force for its model."""

trend_positions = Table(
    "trend_positions",
    metadata,
    Column("stream", String, primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
)
"""The last batch of each stream that the counts below hold."""

trend_hours = Table(
    "trend_hours",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("channel", String, primary_key=True),
    Column("transactions", BigInteger, nullable=False),
    Column("reviewed", BigInteger, nullable=False),
    Column("blocked", BigInteger, nullable=False),
    Column("money", Float(53), nullable=False),
    Column("stopped", Float(53), nullable=False),
)
"""Decisions by hour of event time, in hours since the epoch; a transaction without a channel counts under ''."""

trend_merchants = Table(
    "trend_merchants",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("merchant_id", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("transactions", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("money", Float(53), nullable=False),
    Column("stopped", Float(53), nullable=False),
)
"""Purchases by day of event time and merchant; held ones were reviewed or blocked."""

trend_places = Table(
    "trend_places",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("latitude", Integer, primary_key=True, autoincrement=False),
    Column("longitude", Integer, primary_key=True, autoincrement=False),
    Column("channel", String, primary_key=True),
    Column("transactions", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
)
"""Transactions with a position, by day and the nearest whole degree."""

trend_frauds = Table(
    "trend_frauds",
    metadata,
    Column("transaction_id", String, primary_key=True),
    Column("event_time", Instant, nullable=False),
    Column("channel", String, nullable=False),
    Column("amount", Float(53), nullable=False),
    Column("outcome", String, nullable=False),
    Column("merchant_id", String),
    Column("latitude", Float(53)),
    Column("longitude", Float(53)),
    Index("trend_frauds_by_time", "event_time"),
)
"""Transactions whose newest label says fraud; ``outcome`` is what had been decided, '' where nothing was."""
