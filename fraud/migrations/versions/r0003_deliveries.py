"""Deliveries of alerts, and which states of alerts were routed. What was raised before is not sent any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_deliveries"
down_revision = "0002_cases"

Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """Deliveries of alerts, and which states of alerts were routed. What was raised before is not sent any more."""
    op.add_column("alert_outbox", sa.Column("routed_at", Instant))
    op.execute("UPDATE alert_outbox SET routed_at = 0")
    unrouted = sa.text("routed_at IS NULL")
    op.create_index(
        "alert_outbox_by_routing",
        "alert_outbox",
        ["alert_id", "version"],
        sqlite_where=unrouted,
        postgresql_where=unrouted,
    )
    op.create_table(
        "deliveries",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("idempotency_key", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("severity_rank", sa.Integer, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("route", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", Instant, nullable=False),
        sa.Column("digest", sa.String),
        sa.Column("message_id", sa.String),
        sa.Column("claimed_by", sa.String),
        sa.Column("claimed_at", Instant),
        sa.Column("claimed_until", Instant),
        sa.Column("provider_id", sa.String),
        sa.Column("error", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("sent_at", Instant),
        sa.Column("delivered_at", Instant),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
        sa.ForeignKeyConstraint(["idempotency_key"], ["alert_outbox.idempotency_key"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        "deliveries_by_turn",
        "deliveries",
        ["channel", "state", "severity_rank", "next_try_at", "alert_id", "version"],
    )
    op.create_index("deliveries_by_alert", "deliveries", ["alert_id", "channel", "recipient", "sent_at"])
    op.create_index("deliveries_by_message", "deliveries", ["message_id"])
    op.create_index("deliveries_by_sending", "deliveries", ["channel", "recipient", "sent_at"])
