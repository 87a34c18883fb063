"""The tables of the record, in SQL that SQLite and PostgreSQL share.

A change of a table here needs a revision in ``fraud/migrations/versions`` and a line in ``fraud.schema``.

Moments are whole microseconds since 1970-01-01 UTC, so that they compare, divide into days and keep their
last digit on every database. Ordered words (outcome, severity) have their rank beside them where queries sort
by it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    text,
)

__all__ = [
    "DAY",
    "ONLY_ON",
    "ROW_BITS",
    "Instant",
    "Number",
    "alert_outbox",
    "alerts",
    "batches",
    "dead_letters",
    "decisions",
    "eras",
    "labels",
    "metadata",
    "name_pages",
    "name_parts",
    "positions",
    "receipts",
    "ring_acts",
    "ring_events",
    "ring_members",
    "rings",
    "runs",
    "since_epoch",
    "states",
    "streams",
    "transactions",
]

DAY = 86_400_000_000
"""Microseconds in a day."""

ROW_BITS = 20
"""A row id is the batch id, shifted up by as many bits, and the row in the batch."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Number = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on both; SQLite takes a key for the row's own number, and makes no index, only where it is called INTEGER."""

metadata = MetaData()


def since_epoch(moment: datetime) -> int:
    """Microseconds since 1970-01-01 UTC; raises TypeError for a datetime without a time zone."""
    return (moment - EPOCH) // MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since the epoch; only datetimes with a time zone go in, UTC comes out."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds; raises TypeError for a datetime without a time zone."""
        return None if value is None else since_epoch(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


transactions = Table(
    "transactions",
    metadata,
    Column("row_id", Number, primary_key=True, autoincrement=False),
    Column("transaction_id", String, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("account_id", String, nullable=False),
    Column("amount", Float(53), nullable=False),
    Column("merchant_id", String),
    Column("counterparty_id", String),
    Column("currency", String, nullable=False),
    Column("device_id", String),
    Column("ip", String),
    Column("channel", String),
    Column("mcc", String),
    Column("latitude", Float(53)),
    Column("longitude", Float(53)),
)
"""``row_id`` is the batch and the row in it (``ROW_BITS``), so that rows lie on disk in the order written.

PostgreSQL has a unique index on ``transaction_id``. On SQLite such an index of random ids would cost more than all else
that is written, so there ``fraud.record_known`` keeps ids single under the one write lock.
"""

ONLY_ON = "only_on"
"""In the ``info`` of an index: the one dialect that has it, for those who compare tables (``ddl_if`` does not say)."""

Index("transactions_by_id", transactions.c.transaction_id, unique=True, info={ONLY_ON: "postgresql"}).ddl_if(
    dialect="postgresql"
)

batches = Table(
    "batches",
    metadata,
    Column("batch_id", Number, primary_key=True),
    Column("stream", String, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("id_hashes", LargeBinary),
    Index("batches_by_stream", "stream", "batch_id"),
    sqlite_autoincrement=True,
)
"""The log of this record: what was written together, in order. A batch takes its id under a lock of its stream,
held until it is committed, so within a stream it is never seen before the batches with lower ids; across streams it may
be, on PostgreSQL.
``id_hashes`` are the hashes of its transaction ids, 8 bytes each (SQLite only)."""

streams = Table(
    "streams",
    metadata,
    Column("stream", String, primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
)
"""The newest batch of each stream."""

eras = Table(
    "eras",
    metadata,
    Column("era", Number, primary_key=True, autoincrement=False),
    Column("stream", String, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("earliest", Instant, nullable=False),
    Column("latest", Instant, nullable=False),
    Column("parts", Integer, nullable=False, server_default="0"),
    Index("eras_by_stream", "stream", "era"),
)
"""Stretches of a stream, named after their first batch, each with names to itself: in so many ``parts`` of
``name_parts``, or in ``name_pages`` where there are none. ``earliest`` and ``latest`` are the bounds of its event
times."""

name_parts = Table(
    "name_parts",
    metadata,
    Column("era", BigInteger, primary_key=True, autoincrement=False),
    Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""Names in the batches of an open era, as ``fraud.record_names`` writes them: those of one batch, or of several up to
``batch_id``."""

name_pages = Table(
    "name_pages",
    metadata,
    Column("era", BigInteger, primary_key=True, autoincrement=False),
    Column("last_hash", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""Names in a sealed era, sorted by their hashes, in pages; a hash is on the first page whose last one is not below it.

One sorted index over everything would be written to at random all over.
"""

receipts = Table(
    "receipts",
    metadata,
    Column("batch_id", Number, ForeignKey("batches.batch_id"), primary_key=True, autoincrement=False),
    Column("model_version", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The receipts of a batch, encoded by ``fraud.receipt``; row i belongs to row i of the batch."""

decisions = Table(
    "decisions",
    metadata,
    Column("row_id", Number, primary_key=True, autoincrement=False),
    Column("score", Float(53), nullable=False),
    Column("outcome", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("reasons", Text),
    Column("missing", Text),
)
"""The decision on the transaction of the same ``row_id``; reasons and missing parts are JSON where there are any."""

labels = Table(
    "labels",
    metadata,
    Column("transaction_id", String, primary_key=True),
    Column("known_at", Instant, primary_key=True),
    Column("source", String, primary_key=True),
    Column("is_fraud", Boolean, nullable=False),
    Column("stream", String, nullable=False),
    Column("position", BigInteger),
    Column("batch_id", BigInteger, ForeignKey("batches.batch_id"), nullable=False),
    Index("labels_by_batch", "batch_id"),
)
"""What was reported of a transaction: one row a report, the first that came in where a report is repeated;
``batch_id`` is the batch that brought it.
``stream`` and ``position`` say where in which source it was received."""

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

rings = Table(
    "rings",
    metadata,
    Column("ring_id", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("batch_id", BigInteger, ForeignKey("batches.batch_id"), nullable=False),
    Column("kind", String, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("first_alert_time", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("money", Float(53), nullable=False),
    Column("transaction_ids", Text, nullable=False),
    Column("first_seen", Instant),
    Column("at_risk", Float(53), nullable=False),
    Column("accounts", Integer, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("suppressed_until", Instant),
    Column("merged_into", String),
    Column("split_from", String),
    Column("edges", Text, nullable=False),
    Index("rings_by_batch", "batch_id"),
)
"""The newest state of each ring; ``batch_id`` is the batch that brought it, ``edges`` its evidence edges as JSON."""

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

ring_events = Table(
    "ring_events",
    metadata,
    Column("ring_id", String, ForeignKey("rings.ring_id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("time", Instant, nullable=False),
    Column("step", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("members", Text, nullable=False),
    Column("other_ring", String),
    Column("by", Text, nullable=False),
)
"""The history of each ring, in the order of ``number``; ``members`` is JSON."""

ring_acts = Table(
    "ring_acts",
    metadata,
    Column("number", Number, primary_key=True),
    Column("ring_id", String, nullable=False),
    Column("step", String, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Instant),
    Column("made_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)
"""What people decided about rings; the ring desk takes them in by ``number`` between two batches of suspicions."""

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
    Column("routed_at", Instant),
    Index("alert_outbox_by_sending", "sent_at", "alert_id"),
    Index(
        "alert_outbox_by_routing",
        "alert_id",
        "version",
        sqlite_where=text("routed_at IS NULL"),
        postgresql_where=text("routed_at IS NULL"),
    ),
)
"""Every state of every alert once: waiting for the outbox folder until ``sent_at`` is set and, apart from that, for
the routes of the alerts file until ``routed_at`` is."""

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
