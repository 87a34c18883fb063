"""Tables of the HTTP interface, kept in the record's database beside the record's own."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Engine, Integer, LargeBinary, MetaData, String, Table, Text

from fraud.database import store_errors, writing
from fraud.record_tables import Instant

__all__ = ["api_audit", "api_keys", "embedded_ledger", "make_tables"]

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("prefix", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("scopes", String, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)
"""Keys by the part that is no secret; ``hash`` is the SHA-256 of the whole key, ``scopes`` are words."""

api_audit = Table(
    "api_audit",
    metadata,
    Column("audit_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String, nullable=False),
    Column("act", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Who did what to which thing, and when, in order; ``detail`` is JSON. Rows are only ever added."""

embedded_ledger = Table(
    "embedded_ledger",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
"""What the embedded pipeline has taken in since its oldest snapshot, in order, as ``stream.ledger`` encodes it."""


def make_tables(engine: Engine) -> None:
    """Make the tables that are not there; raises StoreError or StoreUnavailable."""
    with store_errors("open"), engine.connect() as connection, writing(connection):
        metadata.create_all(connection)
