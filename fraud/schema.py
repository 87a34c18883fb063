"""The schema of the record as a whole: which tables it has, and which revision of them this release reads.

A fresh record gets today's tables in one go. One of an earlier release is refused with the command that brings it up
to date (``fraud.schema_upgrade``); Alembic is imported only there.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)

from fraud import (
    access_tables,
    audit_tables,
    case_tables,
    delivery_tables,
    desk_tables,
    record_tables,
    standing_tables,
    vault_tables,
)
from fraud.database import writing
from fraud.errors import StoreError

__all__ = [
    "HEAD",
    "REVISIONS",
    "found_revision",
    "has_tables",
    "lock_schema",
    "make_tables",
    "metadata",
    "open_schema",
    "stamp",
]

REVISIONS = (
    "0001_record",
    "0002_cases",
    "0003_deliveries",
    "0004_access",
    "0005_standing_scores",
    "0006_saved_views",
    "0007_vault",
    "0008_name_pages",
)
"""Every revision that there has been, the oldest first: one script each in ``fraud/migrations/versions``."""

HEAD = REVISIONS[-1]
"""The revision that this release reads and writes."""

REMEDY = "stop what uses it and run `python -m fraud database upgrade`"

SCHEMA_LOCK = 7_231_001
"""PostgreSQL's advisory lock while tables are made: two that open a new record at once would collide."""

TABLES = (
    record_tables,
    access_tables,
    audit_tables,
    case_tables,
    delivery_tables,
    desk_tables,
    standing_tables,
    vault_tables,
)
"""The files that describe tables: imported, their tables are in ``metadata``. Name yours here."""

metadata = record_tables.metadata
"""All tables of the record."""

stamps = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, as it makes it."""


def open_schema(connection: Connection) -> None:
    """See to it that the record has today's tables: made where it is fresh, else looked for.

    Raises StoreError for a record of another revision.
    """
    with writing(connection):
        lock_schema(connection)
        if has_tables(connection):
            found = found_revision(connection)
            if found != HEAD:
                raise StoreError(f"record: {_difference(found)}")
        else:
            make_tables(connection)


def make_tables(connection: Connection) -> None:
    """Make today's tables where there are none."""
    metadata.create_all(connection)
    stamp(connection, HEAD)


def lock_schema(connection: Connection) -> None:
    """Wait until nobody else makes or alters tables; held to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": SCHEMA_LOCK})


def has_tables(connection: Connection) -> bool:
    """Whether there is a record here at all, of whatever revision."""
    return inspect(connection).has_table(record_tables.batches.name)


def found_revision(connection: Connection) -> str | None:
    """The revision of the record; None before there were revisions."""
    if not inspect(connection).has_table(stamps.name):
        return None
    found: str | None = connection.execute(select(stamps.c.version_num)).scalar()
    return found


def stamp(connection: Connection, revision: str) -> None:
    """Note that a fresh record has the tables of a revision."""
    stamps.create(connection)
    connection.execute(stamps.insert().values(version_num=revision))


def _difference(found: str | None) -> str:
    if found is None:
        return f"made before its schema had revisions, this release reads {HEAD}; {REMEDY}"
    if found in REVISIONS:
        return f"schema {found}, this release reads {HEAD}; {REMEDY}"
    return f"schema {found} is not known to this release, which reads {HEAD}; use the release that wrote it"
