"""Standing scores: what the labels of a case moved, and what is still to be looked at again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_standing_scores"
down_revision = "0004_access"

Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""


def upgrade() -> None:
    """Standing scores: what the labels of a case moved, and what is still to be looked at again."""
    op.create_table(
        "rescorings",
        sa.Column("because_of", sa.String, nullable=False),
        sa.Column("decided_at", Instant, nullable=False),
        sa.Column("transaction_ids", sa.Text, nullable=False),
        sa.Column("begun_at", Instant, nullable=False),
        sa.Column("done_at", Instant),
        sa.PrimaryKeyConstraint("because_of"),
    )
    op.create_index("rescorings_by_work", "rescorings", ["done_at"])
    op.create_table(
        "standing_scores",
        sa.Column("because_of", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("event_time", Instant, nullable=False),
        sa.Column("score_decided", sa.Float(53), nullable=False),
        sa.Column("score_before", sa.Float(53), nullable=False),
        sa.Column("score_now", sa.Float(53)),
        sa.Column("rescored_at", Instant),
        sa.ForeignKeyConstraint(["because_of"], ["rescorings.because_of"]),
        sa.PrimaryKeyConstraint("because_of", "account_id"),
    )
    op.create_index("standing_scores_by_account", "standing_scores", ["account_id", "rescored_at"])
