"""The audit trail and the investigators' cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002_cases"
down_revision = "0001_record"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger
"""Microseconds since 1970-01-01 UTC."""
NOT_CLOSED = sa.text("state <> 'closed'")
CLOSED = sa.text("state = 'closed'")
WAITING = sa.text("sent_at IS NULL AND decided_at IS NOT NULL")
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
    op.create_table(
        "cases",
        sa.Column("number", Number, autoincrement=False, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("alert_version", sa.Integer, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("subject_id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("severity_rank", sa.Integer, nullable=False),
        sa.Column("score", sa.Float(53), nullable=False),
        sa.Column("money", sa.Float(53), nullable=False),
        sa.Column("at_risk", sa.Float(53), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("top_reason", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("assignee", sa.String),
        sa.Column("disposition", sa.String),
        sa.Column("reason_code", sa.String),
        sa.Column("decided_by", sa.String),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("first_seen", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("snoozed_until", Instant),
        sa.Column("snoozed_by", sa.String),
        sa.Column("snooze_reason", sa.Text),
        sa.Column("closed_at", Instant),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("cases_by_alert", "cases", ["alert_id", "number"])
    op.create_index(
        "cases_by_assignee",
        "cases",
        ["assignee", "severity_rank", "at_risk", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_due",
        "cases",
        ["due_at", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_kind",
        "cases",
        ["kind", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_last_seen",
        "cases",
        ["last_seen", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_money",
        "cases",
        ["money", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_name",
        "cases",
        ["subject_id", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_opening",
        "cases",
        ["number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_risk",
        "cases",
        ["at_risk", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_score",
        "cases",
        ["score", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_size",
        "cases",
        ["size", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index("cases_by_subject", "cases", ["subject_id", "number"])
    op.create_index(
        "cases_by_state",
        "cases",
        ["state", "number", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_update",
        "cases",
        ["updated_at", "number", "state", "snoozed_until"],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_by_worst",
        "cases",
        [
            "severity_rank",
            "at_risk",
            "number",
            "state",
            "snoozed_until",
            "assignee",
            "due_at",
            "severity",
            "kind",
            "subject",
        ],
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_index(
        "cases_closed", "cases", ["kind", "closed_at"], sqlite_where=CLOSED, postgresql_where=CLOSED
    )
    op.create_index(
        "cases_one_open",
        "cases",
        ["alert_id"],
        unique=True,
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    )
    op.create_table(
        "case_attachments",
        sa.Column("attachment_id", Number, nullable=False),
        sa.Column("case_number", Number, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"]),
        sa.PrimaryKeyConstraint("attachment_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("case_attachments_by_case", "case_attachments", ["case_number"])
    op.create_table(
        "case_events",
        sa.Column("number", Number, nullable=False),
        sa.Column("case_number", Number, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"]),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    op.create_index("case_events_by_case", "case_events", ["case_number", "number"])
    op.create_table(
        "case_evidence",
        sa.Column("case_number", Number, autoincrement=False, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"]),
        sa.PrimaryKeyConstraint("case_number", "transaction_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_labels",
        sa.Column("key", Number, nullable=False),
        sa.Column("case_number", Number, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("is_fraud", sa.Boolean, nullable=False),
        sa.Column("decided_at", Instant),
        sa.Column("sent_at", Instant),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"]),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("case_number", "transaction_id", "decided_at"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "case_labels_waiting", "case_labels", ["key"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_table(
        "case_relations",
        sa.Column("case_number", Number, autoincrement=False, nullable=False),
        sa.Column("other_number", Number, autoincrement=False, nullable=False),
        sa.Column("relation", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["case_number"], ["cases.number"]),
        sa.ForeignKeyConstraint(["other_number"], ["cases.number"]),
        sa.PrimaryKeyConstraint("case_number", "other_number"),
    )
    op.create_index("case_relations_by_other", "case_relations", ["other_number"])
    for statement in SQLITE if op.get_context().dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
