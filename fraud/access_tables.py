"""The tables of people: who may sign in, who is signed in, and who has to wait after wrong passwords."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from fraud.record_tables import Instant, metadata

__all__ = ["people", "person_sessions", "sign_in_attempts"]

people = Table(
    "people",
    metadata,
    Column("name", String, primary_key=True),
    Column("shown_name", Text, nullable=False),
    Column("role", String, nullable=False),
    Column("password_hash", Text),
    Column("must_change", Boolean, nullable=False),
    Column("oidc_subject", Text, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("last_sign_in", Instant),
)
"""``password_hash`` is Argon2's own text, none for those who come by OpenID Connect; ``oidc_subject`` is issuer and
subject. A person is disabled and never removed, as the audit trail names them."""

person_sessions = Table(
    "person_sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("name", String, ForeignKey("people.name"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("person_sessions_by_name", "name", "expires_at"),
)
"""Sessions by the SHA-256 of their token, which only the browser has."""

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", String, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("wait_until", Instant, nullable=False),
    Index("sign_in_attempts_by_time", "last_at"),
)
"""Wrong passwords in a row by ``person:`` name and by ``address:``; whoever there is or is not."""
