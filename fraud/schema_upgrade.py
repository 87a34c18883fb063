"""Brings a record of an earlier release up to date, with Alembic: all revisions in one database transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, Table, inspect, select
from sqlalchemy.schema import SchemaItem

from fraud.case_intake import open_missing_cases
from fraud.database import store_errors, writing
from fraud.errors import StoreError
from fraud.record_tables import ONLY_ON
from fraud.schema import (
    HEAD,
    REVISIONS,
    found_revision,
    has_tables,
    lock_schema,
    make_tables,
    metadata,
    stamp,
)

__all__ = ["differences", "revision", "upgrade"]

MIGRATIONS = Path(__file__).with_name("migrations")

OLD_VERSION = "schema_version"
"""The table that held the version before there were revisions."""

LAST_OLD_VERSION = 3
"""What it says where the tables are those of the first revision."""


def revision(engine: Engine) -> str | None:
    """The revision of a record; None where it has none yet."""
    with store_errors("read"), engine.connect() as connection:
        return found_revision(connection)


def upgrade(engine: Engine, target: str = HEAD) -> str | None:
    """Bring the record up to a revision, all or nothing, and return the one it had; a fresh one gets its tables.

    Open alerts from before there were cases get theirs.
    Raises StoreError for a record that no script leads on from.
    """
    with store_errors("upgrade"), engine.connect() as connection, writing(connection):
        lock_schema(connection)
        if target == HEAD and not has_tables(connection):
            make_tables(connection)
            return None
        _adopt(connection)
        found = found_revision(connection)
        if found is not None and found not in REVISIONS:
            raise StoreError(
                f"record: schema {found} is not known to this release; use the one that wrote it"
            )
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, target)
        if target == HEAD:
            open_missing_cases(connection)
        return found


def differences(engine: Engine) -> list[str]:
    """What sets the tables of the record apart from those that this release describes, one line each."""
    dialect = engine.dialect.name

    def is_ours(item: SchemaItem, name: str | None, kind: str, *_: object) -> bool:
        # Others keep tables of their own in the same database.
        if kind == "table":
            return name in metadata.tables
        return bool(item.info.get(ONLY_ON, dialect) == dialect)

    with store_errors("read"), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        return [" ".join(str(difference).split()) for difference in compare_metadata(context, metadata)]


def _adopt(connection: Connection) -> None:
    """A record made before there were revisions has the tables of the first one, and a version of its own."""
    if not has_tables(connection) or found_revision(connection) is not None:
        return
    if not inspect(connection).has_table(OLD_VERSION):
        raise StoreError("record: neither a revision nor a version of its tables; restore a backup")
    table = Table(OLD_VERSION, MetaData(), autoload_with=connection)
    version = connection.execute(select(table.c.version)).scalar()
    if version != LAST_OLD_VERSION:
        raise StoreError(
            f"record: version {version}, upgrades begin at {LAST_OLD_VERSION}; "
            "use the release that wrote it or begin a new record"
        )
    table.drop(connection)
    stamp(connection, REVISIONS[0])
