"""The tables of the record when revisions began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001_record"
down_revision = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """The tables of the record when revisions began."""
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("severity_rank", sa.Integer, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("money", sa.Float(53), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("top_reason", sa.Text, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index("alerts_by_urgency", "alerts", ["state", "severity_rank", "score"])
    op.create_table(
        "batches",
        sa.Column("batch_id", Number, nullable=False),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("transactions", sa.Integer, nullable=False),
        sa.Column("id_hashes", sa.LargeBinary),
        sa.PrimaryKeyConstraint("batch_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("batches_by_stream", "batches", ["stream", "batch_id"])
    op.create_table(
        "dead_letters",
        sa.Column("source", sa.String, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("field", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("source", "position"),
    )
    op.create_table(
        "decisions",
        sa.Column("row_id", Number, autoincrement=False, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("reasons", sa.Text),
        sa.Column("missing", sa.Text),
        sa.PrimaryKeyConstraint("row_id"),
    )
    op.create_table(
        "eras",
        sa.Column("era", Number, autoincrement=False, nullable=False),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("transactions", sa.Integer, nullable=False),
        sa.Column("earliest", Instant, nullable=False),
        sa.Column("latest", Instant, nullable=False),
        sa.PrimaryKeyConstraint("era"),
    )
    op.create_index("eras_by_stream", "eras", ["stream", "era"])
    op.create_table(
        "mentions",
        sa.Column("era", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("name_hash", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("row_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("era", "name_hash", "row_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "positions",
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "ring_acts",
        sa.Column("number", Number, nullable=False),
        sa.Column("ring_id", sa.String, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("until", Instant),
        sa.Column("made_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("command", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("transactions", sa.BigInteger, nullable=False),
        sa.Column("dead_letters", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "states",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "streams",
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "transactions",
        sa.Column("row_id", Number, autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("event_time", Instant, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("amount", sa.Float(53), nullable=False),
        sa.Column("merchant_id", sa.String),
        sa.Column("counterparty_id", sa.String),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("device_id", sa.String),
        sa.Column("ip", sa.String),
        sa.Column("channel", sa.String),
        sa.Column("mcc", sa.String),
        sa.Column("latitude", sa.Float(53)),
        sa.Column("longitude", sa.Float(53)),
        sa.PrimaryKeyConstraint("row_id"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index("transactions_by_id", "transactions", ["transaction_id"], unique=True)
    op.create_table(
        "alert_outbox",
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sent_at", Instant),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
        sa.PrimaryKeyConstraint("idempotency_key"),
    )
    op.create_index("alert_outbox_by_sending", "alert_outbox", ["sent_at", "alert_id"])
    op.create_table(
        "labels",
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("known_at", Instant, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("is_fraud", sa.Boolean, nullable=False),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("position", sa.BigInteger),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"]),
        sa.PrimaryKeyConstraint("transaction_id", "known_at", "source"),
    )
    op.create_index("labels_by_batch", "labels", ["batch_id"])
    op.create_table(
        "receipts",
        sa.Column("batch_id", Number, autoincrement=False, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"]),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_table(
        "rings",
        sa.Column("ring_id", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("first_alert_time", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.Column("money", sa.Float(53), nullable=False),
        sa.Column("transaction_ids", sa.Text, nullable=False),
        sa.Column("first_seen", Instant),
        sa.Column("at_risk", sa.Float(53), nullable=False),
        sa.Column("accounts", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("suppressed_until", Instant),
        sa.Column("merged_into", sa.String),
        sa.Column("split_from", sa.String),
        sa.Column("edges", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"]),
        sa.PrimaryKeyConstraint("ring_id"),
    )
    op.create_index("rings_by_batch", "rings", ["batch_id"])
    op.create_table(
        "ring_events",
        sa.Column("ring_id", sa.String, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("other_ring", sa.String),
        sa.Column("by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["ring_id"], ["rings.ring_id"]),
        sa.PrimaryKeyConstraint("ring_id", "number"),
    )
    op.create_table(
        "ring_members",
        sa.Column("ring_id", sa.String, nullable=False),
        sa.Column("member_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("joined_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["ring_id"], ["rings.ring_id"]),
        sa.PrimaryKeyConstraint("ring_id", "member_id", "kind"),
    )
    op.create_index("ring_members_by_member", "ring_members", ["member_id"])
