"""The vault of personal values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007_vault"
down_revision = "0006_saved_views"

Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """The vault of personal values."""
    op.create_table(
        "vault",
        sa.Column("token", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
