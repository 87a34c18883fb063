"""The tables of the record, in SQL that SQLite and PostgreSQL share.

Moments are whole microseconds since 1970-01-01 UTC, so that they compare, divide into days and keep their
last digit on every database. Ordered words (outcome, severity) have their rank beside them where queries sort
by it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

__all__ = [
    "DAY",
    "SCHEMA_VERSION",
    "Instant",
    "alert_outbox",
    "alerts",
    "batches",
    "dead_letters",
    "decisions",
    "metadata",
    "positions",
    "receipts",
    "ring_members",
    "rings",
    "runs",
    "schema_version",
    "states",
    "transactions",
]

SCHEMA_VERSION = 2
"""Raised by every change of the tables below."""

DAY = 86_400_000_000
"""Microseconds in a day."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since the epoch; only datetimes with a time zone go in, UTC comes out."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds; raises TypeError for a datetime without a time zone."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

transactions = Table(
    "transactions",
    metadata,
    Column("transaction_id", String, primary_key=True),
    Column("event_time", Instant, nullable=False),
    Column("account_id", String, nullable=False),
    Column("merchant_id", String),
    Column("counterparty_id", String),
    Column("amount", Float(53), nullable=False),
    Column("currency", String, nullable=False),
    Column("device_id", String),
    Column("ip", String),
    Column("channel", String),
    Column("mcc", String),
    Column("latitude", Float(53)),
    Column("longitude", Float(53)),
    Index("transactions_by_account", "account_id", "event_time"),
    Index("transactions_by_merchant", "merchant_id", "event_time"),
    Index("transactions_by_counterparty", "counterparty_id", "event_time"),
    Index("transactions_by_device", "device_id", "event_time"),
    Index("transactions_by_ip", "ip", "event_time"),
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Integer, primary_key=True),
    Column("stream", String, nullable=False),
    Column("transactions", Integer, nullable=False),
    Index("batches_by_stream", "stream", "batch_id"),
    sqlite_autoincrement=True,
)
"""The log of this record: what was written together, in order. One stream has one writer, so within a stream
a batch is never seen before the batches with lower ids."""

positions = Table(
    "positions",
    metadata,
    Column("stream", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""How far in its source each stream has been written; never goes back."""

states = Table(
    "states",
    metadata,
    Column("name", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The newest saved state by name, and the position in its source that it holds."""

receipts = Table(
    "receipts",
    metadata,
    Column("batch_id", Integer, ForeignKey("batches.batch_id"), primary_key=True, autoincrement=False),
    Column("model_version", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The receipts of a batch, encoded by ``fraud.receipt``; row i belongs to ``decisions.batch_row`` i."""

decisions = Table(
    "decisions",
    metadata,
    Column("transaction_id", String, ForeignKey("transactions.transaction_id"), primary_key=True),
    Column("event_time", Instant, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("outcome", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("missing", Text, nullable=False),
    Column("batch_id", Integer, ForeignKey("batches.batch_id"), nullable=False),
    Column("batch_row", Integer, nullable=False),
    Index("decisions_by_time", "event_time", "outcome"),
    Index("decisions_by_batch", "batch_id", "batch_row"),
)

rings = Table(
    "rings",
    metadata,
    Column("ring_id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("batch_id", Integer, ForeignKey("batches.batch_id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("first_alert_time", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("money", Float(53), nullable=False),
    Column("transaction_ids", Text, nullable=False),
    Index("rings_by_batch", "batch_id"),
)
"""The newest state of each ring; ``batch_id`` is the batch that brought it."""

ring_members = Table(
    "ring_members",
    metadata,
    Column("ring_id", String, ForeignKey("rings.ring_id"), primary_key=True),
    Column("member_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("joined_at", Instant, nullable=False),
    Index("ring_members_by_member", "member_id"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("subject", String, nullable=False),
    Column("subject_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("money", Float(53), nullable=False),
    Column("size", Integer, nullable=False),
    Column("top_reason", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("body", Text, nullable=False),
    Index("alerts_by_urgency", "state", "severity_rank", "score"),
)
"""The newest state of each alert; ``body`` is the whole Alert as JSON, but ``state`` here is the one that counts."""

alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("idempotency_key", String, primary_key=True),
    Column("alert_id", String, ForeignKey("alerts.alert_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("sent_at", Instant),
    Index("alert_outbox_by_sending", "sent_at", "alert_id"),
)
"""Every state of every alert once, waiting to be sent until ``sent_at`` is set."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("source", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("field", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("command", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("ended_at", Instant),
    Column("transactions", BigInteger, nullable=False),
    Column("dead_letters", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
)
