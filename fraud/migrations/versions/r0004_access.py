"""People, their sessions, and their attempts to sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_access"
down_revision = "0003_deliveries"

Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """People, their sessions, and their attempts to sign in."""
    op.create_table(
        "people",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("shown_name", sa.Text, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("must_change", sa.Boolean, nullable=False),
        sa.Column("oidc_subject", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("disabled_at", Instant),
        sa.Column("last_sign_in", Instant),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("oidc_subject"),
    )
    op.create_table(
        "person_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["name"], ["people.name"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("person_sessions_by_name", "person_sessions", ["name", "expires_at"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.Column("wait_until", Instant, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("sign_in_attempts_by_time", "sign_in_attempts", ["last_at"])
