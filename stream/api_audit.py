"""The audit of the HTTP interface: who did what, to which thing, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from fraud.database import store_errors, writing
from stream.api_tables import api_audit, make_tables

__all__ = ["Audit", "AuditEntry", "add_entry"]


class AuditEntry(msgspec.Struct, frozen=True):
    """One act; ``actor`` is a key's prefix and name, or the user of a command."""

    at: datetime
    actor: str
    act: str
    subject: str
    detail: Mapping[str, object]


class Audit:
    """The log of acts; it is only ever added to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        make_tables(engine)

    def add(self, actor: str, act: str, subject: str, detail: Mapping[str, object]) -> None:
        """Note an act; when it returns, the note is durable."""
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            add_entry(connection, actor, act, subject, detail)

    def entries(self, limit: int = 100) -> list[AuditEntry]:
        """The newest acts first."""
        column = api_audit.c
        query = select(column.at, column.actor, column.act, column.subject, column.detail)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(column.audit_id.desc()).limit(limit)).all()
        return [
            AuditEntry(row.at, row.actor, row.act, row.subject, msgspec.json.decode(row.detail))
            for row in rows
        ]


def add_entry(
    connection: Connection, actor: str, act: str, subject: str, detail: Mapping[str, object]
) -> None:
    """Note an act in the caller's transaction, so that both are there or neither."""
    row = {
        "at": datetime.now(UTC),
        "actor": actor,
        "act": act,
        "subject": subject,
        "detail": msgspec.json.encode(detail).decode(),
    }
    connection.execute(insert(api_audit), [row])
