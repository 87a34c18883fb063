"""The audit trail: every act of a person, in an append-only chain of hashes.

Each entry's hash is the SHA-256 of the hash before it and of the entry itself as canonical JSON, so an entry that is
altered, left out or moved breaks the chain from there on, and the database's triggers refuse to do so in the first
place. Nothing in a database can show that its newest entries were cut off, or that all was written anew by someone who
may drop triggers: for that, note the head (number and hash) elsewhere and hand it to ``verify``; each entry is also
logged with its hash.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Select, select, text

from fraud.access import Person
from fraud.audit_tables import audit_trail
from fraud.database import store_errors
from fraud.errors import AuditFailed
from fraud.record_tables import since_epoch

__all__ = ["AuditEntry", "Head", "append", "entries", "hold", "verify", "walk"]

CHAIN_LOCK = 7_231_003
"""PostgreSQL's advisory lock of the chain; SQLite has one writer anyway."""

BEGINNING = "0" * 64
"""What stands for the hash before the first entry."""

AT_ONCE = 5_000

log = logging.getLogger(__name__)


class AuditEntry(msgspec.Struct, frozen=True):
    """One act: ``by`` is the name of the person, ``subject`` what it was done to ("case C-000123"), ``detail`` JSON."""

    number: int
    at: datetime
    by: str
    act: str
    subject: str
    detail: str
    previous_hash: str
    hash: str


class Head(msgspec.Struct, frozen=True):
    """The newest entry of the chain; number 0 where there is none."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def hold(connection: Connection) -> None:
    """Make other acts wait until this transaction ends.

    ``append`` does it too; an act that locks rows of its own calls this first, so that no two acts wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CHAIN_LOCK})


def append(
    connection: Connection, by: Person, act: str, subject: str, detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Add an entry within the transaction of the act itself, so that neither is there without the other."""
    hold(connection)
    columns = audit_trail.c
    newest = connection.execute(
        select(columns.number, columns.hash).order_by(columns.number.desc()).limit(1)
    ).first()
    number, previous = (newest.number + 1, newest.hash) if newest else (1, BEGINNING)
    row: dict[str, Any] = {
        "number": number,
        "at": datetime.now(UTC),
        "by": by.name,
        "act": act,
        "subject": subject,
        "detail": msgspec.json.encode(dict(detail or {}), order="sorted").decode(),
    }
    entry = AuditEntry(**row, previous_hash=previous, hash=_hash(previous, **row))
    connection.execute(audit_trail.insert().values(msgspec.structs.asdict(entry)))
    log.info("audit entry", extra={"entry": number, "act": act, "hash": entry.hash})
    return entry


def entries(
    engine: Engine,
    *,
    subject: str | None = None,
    by: str | None = None,
    act: str | None = None,
    before: int | None = None,
    limit: int = 200,
) -> list[AuditEntry]:
    """The newest entries first; ``before`` is the number that the page before ended with."""
    columns = audit_trail.c
    query = select(audit_trail).order_by(columns.number.desc()).limit(limit)
    for column, value in ((columns.subject, subject), (columns.by, by), (columns.act, act)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(columns.number < before)
    return _read(engine, query)


def walk(engine: Engine) -> Iterator[AuditEntry]:
    """Every entry as it stands, the oldest first, unchecked."""
    number = audit_trail.c.number
    reached = None
    while True:
        query = select(audit_trail).order_by(number).limit(AT_ONCE)
        found = _read(engine, query if reached is None else query.where(number > reached))
        yield from found
        if len(found) < AT_ONCE:
            return
        reached = found[-1].number


def verify(engine: Engine, expected: Head | None = None) -> Head:
    """Check the whole chain and return its head; raises AuditFailed naming the first entry that does not hold.

    ``expected``, a head noted earlier, must still be there.
    """
    head = Head(0, BEGINNING)
    met = expected is None or expected == head
    for entry in walk(engine):
        if entry.number != head.number + 1:
            raise AuditFailed(f"audit trail: entry {head.number + 1} is missing; restore it from a backup")
        content = {name: getattr(entry, name) for name in ("number", "at", "by", "act", "subject", "detail")}
        if entry.previous_hash != head.hash or entry.hash != _hash(head.hash, **content):
            raise AuditFailed(f"audit trail: entry {entry.number} was altered; restore it from a backup")
        head = Head(entry.number, entry.hash)
        met = met or head == expected
    if not met:
        raise AuditFailed(f"audit trail: no entry {expected}; newer ones were cut off or written anew")
    return head


def _hash(previous: str, **content: Any) -> str:
    canonical = msgspec.json.encode({**content, "at": since_epoch(content["at"])}, order="sorted")
    return hashlib.sha256(previous.encode() + canonical).hexdigest()


def _read(engine: Engine, query: Select[Any]) -> list[AuditEntry]:
    with store_errors("read"), engine.connect() as connection:
        return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**row._mapping)
