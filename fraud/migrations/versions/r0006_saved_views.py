"""The desk's own tables: saved views, thresholds that people set, counts for trends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_saved_views"
down_revision = "0005_standing_scores"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """Saved views, thresholds that people set, counts for trends."""
    op.create_table(
        "saved_views",
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("page", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("owner", "page", "name"),
    )
    op.create_table(
        "threshold_changes",
        sa.Column("number", Number, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("review", sa.Float(53), nullable=False),
        sa.Column("block", sa.Float(53), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("threshold_changes_by_model", "threshold_changes", ["model_version", "number"])
    op.create_table(
        "trend_positions",
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("batch_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "trend_hours",
        sa.Column("hour", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("transactions", sa.BigInteger, nullable=False),
        sa.Column("reviewed", sa.BigInteger, nullable=False),
        sa.Column("blocked", sa.BigInteger, nullable=False),
        sa.Column("money", sa.Float(53), nullable=False),
        sa.Column("stopped", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("hour", "channel"),
    )
    op.create_table(
        "trend_merchants",
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("merchant_id", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("transactions", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("money", sa.Float(53), nullable=False),
        sa.Column("stopped", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("day", "merchant_id", "channel"),
    )
    op.create_table(
        "trend_places",
        sa.Column("day", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("latitude", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("longitude", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("transactions", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "latitude", "longitude", "channel"),
    )
    op.create_table(
        "trend_frauds",
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("event_time", Instant, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("amount", sa.Float(53), nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("merchant_id", sa.String),
        sa.Column("latitude", sa.Float(53)),
        sa.Column("longitude", sa.Float(53)),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    op.create_index("trend_frauds_by_time", "trend_frauds", ["event_time"])
