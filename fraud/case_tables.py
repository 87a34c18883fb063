"""The tables of the cases. What the queue sorts by has an index over the cases that are not closed."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from fraud.record_tables import Instant, Number, metadata

__all__ = [
    "CLOSED",
    "NOT_CLOSED",
    "WAITING",
    "case_attachments",
    "case_events",
    "case_evidence",
    "case_labels",
    "case_relations",
    "cases",
]

NOT_CLOSED = text("state <> 'closed'")
"""The condition of the partial indexes, to be said by a query in the same words."""

CLOSED = text("state = 'closed'")
"""The same for the one index of closed cases."""

cases = Table(
    "cases",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("alert_id", String, ForeignKey("alerts.alert_id"), nullable=False),
    Column("alert_version", Integer, nullable=False),
    Column("subject", String, nullable=False),
    Column("subject_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("money", Float(53), nullable=False),
    Column("at_risk", Float(53), nullable=False),
    Column("size", Integer, nullable=False),
    Column("top_reason", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("assignee", String),
    Column("disposition", String),
    Column("reason_code", String),
    Column("decided_by", String),
    Column("opened_at", Instant, nullable=False),
    Column("first_seen", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("snoozed_until", Instant),
    Column("snoozed_by", String),
    Column("snooze_reason", Text),
    Column("closed_at", Instant),
    Column("updated_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Index("cases_by_subject", "subject_id", "number"),
    Index(
        "cases_one_open",
        "alert_id",
        unique=True,
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    ),
    Index("cases_by_alert", "alert_id", "number"),
    Index("cases_closed", "kind", "closed_at", sqlite_where=CLOSED, postgresql_where=CLOSED),
    *(
        Index(
            f"cases_by_{name}",
            *columns,
            "number",
            "state",
            "snoozed_until",
            sqlite_where=NOT_CLOSED,
            postgresql_where=NOT_CLOSED,
        )
        for name, columns in {
            "due": ("due_at",),
            "update": ("updated_at",),
            "opening": (),
            "score": ("score",),
            "money": ("money",),
            "risk": ("at_risk",),
            "size": ("size",),
            "last_seen": ("last_seen",),
            "kind": ("kind",),
            "name": ("subject_id",),
            "assignee": ("assignee", "severity_rank", "at_risk"),
        }.items()
    ),
    Index(
        "cases_by_state",
        "state",
        "number",
        "snoozed_until",
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    ),
    Index(
        "cases_by_worst",
        "severity_rank",
        "at_risk",
        "number",
        "state",
        "snoozed_until",
        # What the queue is mostly filtered by, so that it is read off the index.
        "assignee",
        "due_at",
        "severity",
        "kind",
        "subject",
        sqlite_where=NOT_CLOSED,
        postgresql_where=NOT_CLOSED,
    ),
)
"""``number`` is the case's name without its letters, counted from 1; ``at_risk`` is money times score."""

case_evidence = Table(
    "case_evidence",
    metadata,
    Column("case_number", Number, ForeignKey("cases.number"), primary_key=True, autoincrement=False),
    Column("transaction_id", String, primary_key=True),
    sqlite_with_rowid=False,
)
"""Every transaction that an alert of the case gave as evidence."""

case_events = Table(
    "case_events",
    metadata,
    Column("number", Number, primary_key=True),
    Column("case_number", Number, ForeignKey("cases.number"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("step", String, nullable=False),
    Column("by", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("case_events_by_case", "case_number", "number"),
    sqlite_autoincrement=True,
)
"""The history of each case; ``detail`` is JSON. What people did stands in the audit trail as well."""

case_relations = Table(
    "case_relations",
    metadata,
    Column("case_number", Number, ForeignKey("cases.number"), primary_key=True, autoincrement=False),
    Column("other_number", Number, ForeignKey("cases.number"), primary_key=True, autoincrement=False),
    Column("relation", String, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Instant, nullable=False),
    Index("case_relations_by_other", "other_number"),
)
"""Which cases belong together, each pair once, the lower number first."""

case_attachments = Table(
    "case_attachments",
    metadata,
    Column("attachment_id", Number, primary_key=True),
    Column("case_number", Number, ForeignKey("cases.number"), nullable=False),
    Column("name", String, nullable=False),
    Column("media_type", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("by", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("case_attachments_by_case", "case_number"),
    sqlite_autoincrement=True,
)
"""Files of evidence with the hash of their content."""

WAITING = text("sent_at IS NULL AND decided_at IS NOT NULL")
"""Labels that are to be sent."""

case_labels = Table(
    "case_labels",
    metadata,
    Column("key", Number, primary_key=True),
    Column("case_number", Number, ForeignKey("cases.number"), nullable=False),
    Column("transaction_id", String, nullable=False),
    Column("is_fraud", Boolean, nullable=False),
    Column("decided_at", Instant),
    Column("sent_at", Instant),
    UniqueConstraint("case_number", "transaction_id", "decided_at"),
    Index(
        "case_labels_waiting",
        "key",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
    sqlite_autoincrement=True,
)
"""Labels on their way out; without ``decided_at`` they wait for a second person, without ``sent_at`` to be sent."""
