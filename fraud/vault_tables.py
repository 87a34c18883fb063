"""The table of personal values, empty unless a vault key is set."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from fraud.record_tables import Instant, metadata

__all__ = ["vault"]

vault = Table(
    "vault",
    metadata,
    Column("token", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("kept_at", Instant, nullable=False),
)
"""The value behind a token, encrypted with a key that is not in the database."""
