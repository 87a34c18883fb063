"""The audit trail and the investigators' cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_cases"
down_revision = "0001_record"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""
SQLITE = (
    """CREATE TRIGGER audit_trail_no_update BEFORE UPDATE ON audit_trail
    BEGIN SELECT RAISE(ABORT, 'audit_trail: entries are only ever added'); END""",
    """CREATE TRIGGER audit_trail_no_delete BEFORE DELETE ON audit_trail
    BEGIN SELECT RAISE(ABORT, 'audit_trail: entries are only ever added'); END""",
    # INSERT OR REPLACE would take a row's place without a delete that a trigger sees.
    """CREATE TRIGGER audit_trail_at_the_end BEFORE INSERT ON audit_trail
    WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM audit_trail)
    BEGIN SELECT RAISE(ABORT, 'audit_trail: entries are only ever added at the end'); END""",
)
POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION audit_trail_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit_trail: entries are only ever added'; END $$""",
    """CREATE TRIGGER audit_trail_no_change BEFORE UPDATE OR DELETE ON audit_trail
    FOR EACH ROW EXECUTE FUNCTION audit_trail_refuse()""",
    """CREATE TRIGGER audit_trail_no_truncate BEFORE TRUNCATE ON audit_trail
    FOR EACH STATEMENT EXECUTE FUNCTION audit_trail_refuse()""",
)


def upgrade() -> None:
    """The audit trail and the investigators' cases."""
    op.create_table(
        "audit_trail",
        sa.Column("number", Number, autoincrement=False, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("act", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("audit_trail_by_subject", "audit_trail", ["subject", "number"])
    for statement in SQLITE if op.get_context().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
