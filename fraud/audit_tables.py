"""The table of the audit trail, and the triggers by which both databases refuse to change what stands in it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, event, text

from fraud.record_tables import Instant, metadata

__all__ = ["audit_trail"]

audit_trail = Table(
    "audit_trail",
    metadata,
    Column(
        "number",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("at", Instant, nullable=False),
    Column("by", String, nullable=False),
    Column("act", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("audit_trail_by_subject", "subject", "number"),
)
"""Who did what to which thing, and when, in order; ``detail`` is JSON, ``hash`` covers the row and the hash before."""

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


def _add_triggers(_: Table, connection: Connection, **options: object) -> None:
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.execute(text(statement))


event.listen(audit_trail, "after_create", _add_triggers)
