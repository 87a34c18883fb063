"""The record: every transaction, decision, receipt, ring and alert, in SQL.

One call writes one batch in one database transaction, and writing it again changes nothing: a transaction
keeps its first decision, an alert and a ring keep their highest version. When ``write_batch`` has returned,
the batch survives kill -9 of this process, and with SQLite's ``synchronous=FULL`` (set here) also the loss of
power.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from fraud import record_tables as table
from fraud.alert import Alert
from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.errors import InputError, SettingsError, StoreError
from fraud.receipt import ReceiptBatch
from fraud.record_reader import RecordReader, portions, store_errors
from fraud.ring import Ring
from fraud.run import Run
from fraud.transaction import Transaction

__all__ = ["Record", "Written"]

PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "15000",
    "cache_size": "-65536",
    "temp_store": "MEMORY",
    "wal_autocheckpoint": "8000",
}

NOTHING = "[]"
TRANSACTION_COLUMNS = tuple(column.name for column in table.transactions.c)


class Written(msgspec.Struct, frozen=True):
    """What a batch changed: how many transactions were new, and the ids that had their decision already."""

    new: int
    repeated: tuple[str, ...]


class Record(RecordReader):
    """Read and write access to the record; one writer at a time, any number of readers beside it."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the record at a SQLAlchemy address, making its tables on first use.

        Raises SettingsError for an address that can't be used, StoreError for a record of another schema
        version.
        """
        engine = _engine(url)
        record = cls(engine)
        with store_errors("open"), engine.connect() as connection, _writing(connection):
            table.metadata.create_all(connection)
            found = connection.execute(select(table.schema_version.c.version)).scalar()
            if found is None:
                connection.execute(insert(table.schema_version).values(version=table.SCHEMA_VERSION))
            elif found != table.SCHEMA_VERSION:
                raise StoreError(
                    f"record: schema version {found}, this release reads {table.SCHEMA_VERSION}; "
                    "use the release that wrote it or begin a new record"
                )
        return record

    def write_batch(
        self,
        transactions: Sequence[Transaction],
        decisions: Sequence[Decision],
        receipts: ReceiptBatch | None = None,
        *,
        rings: Iterable[Ring] = (),
        alerts: Iterable[Alert] = (),
        dead_letters: Iterable[DeadLetter] = (),
    ) -> Written:
        """Record a batch, all or nothing; row i of decisions and of receipts belongs to transaction i.

        Raises InputError when the parts do not belong together, StoreUnavailable when it may be tried again.
        """
        ids = [t.transaction_id for t in transactions]
        _check_rows(ids, decisions, receipts)
        with self._transaction() as connection:
            fresh = _fresh_rows(connection, ids)
            if fresh:
                _insert_decided(connection, fresh, transactions, decisions, receipts)
            _save_rings(connection, rings)
            _save_alerts(connection, alerts)
            _insert_new(
                connection, table.dead_letters, [msgspec.structs.asdict(letter) for letter in dead_letters]
            )
        kept = set(fresh)
        return Written(new=len(fresh), repeated=tuple(ids[i] for i in range(len(ids)) if i not in kept))

    def unsent_alerts(self, limit: int = 100) -> list[Alert]:
        """States of alerts that no channel has taken yet, oldest version of each alert first."""
        outbox = table.alert_outbox.c
        query = select(outbox.body).where(outbox.sent_at.is_(None)).order_by(outbox.alert_id, outbox.version)
        return [msgspec.json.decode(row.body, type=Alert) for row in self._rows(query.limit(limit))]

    def mark_sent(self, idempotency_keys: Iterable[str], at: datetime) -> None:
        """Note that these states were handed over; a state marked before keeps its first moment."""
        with self._transaction() as connection:
            for keys in portions(idempotency_keys):
                waiting = table.alert_outbox.c.idempotency_key.in_(keys) & table.alert_outbox.c.sent_at.is_(
                    None
                )
                connection.execute(update(table.alert_outbox).where(waiting).values(sent_at=at))

    def save_run(self, run: Run) -> None:
        """Record the newest state of a run."""
        row = {**msgspec.structs.asdict(run), "state": run.state.value}
        with self._transaction() as connection:
            statement = _upsert(connection, table.runs)
            changed = {name: statement.excluded[name] for name in row if name != "run_id"}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["run_id"], set_=changed), [row]
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with store_errors("write"), self.engine.connect() as connection, _writing(connection):
            yield connection


def _check_rows(ids: Sequence[str], decisions: Sequence[Decision], receipts: ReceiptBatch | None) -> None:
    if ids != [d.transaction_id for d in decisions]:
        raise InputError(
            "decisions: rows do not match the transactions; give one decision each, in their order"
        )
    if receipts is not None and ids != list(receipts.transaction_ids):
        raise InputError(
            "receipts: rows do not match the transactions; give one receipt each, in their order"
        )


def _fresh_rows(connection: Connection, ids: Sequence[str]) -> list[int]:
    """Rows of the batch whose transaction has no decision yet; of two in one batch only the first."""
    column = table.decisions.c.transaction_id
    known: set[str] = set()
    for some in portions(ids):
        known.update(connection.scalars(select(column).where(column.in_(some))))
    fresh = []
    for i, transaction_id in enumerate(ids):
        if transaction_id not in known:
            known.add(transaction_id)
            fresh.append(i)
    return fresh


def _insert_decided(
    connection: Connection,
    rows: list[int],
    transactions: Sequence[Transaction],
    decisions: Sequence[Decision],
    receipts: ReceiptBatch | None,
) -> None:
    receipt_id = None
    if receipts is not None:
        kept = receipts if len(rows) == len(receipts) else receipts.take(rows)
        times = [decisions[i].event_time for i in rows]
        receipt = {
            "model_version": receipts.model_version,
            "first_time": min(times),
            "last_time": max(times),
            "batch": kept.to_bytes(),
        }
        receipt_id = connection.scalar(insert(table.receipts).returning(table.receipts.c.receipt_id), receipt)
    _insert_new(connection, table.transactions, [_transaction_row(transactions[i]) for i in rows])
    _insert_new(
        connection,
        table.decisions,
        [_decision_row(decisions[i], receipt_id, row) for row, i in enumerate(rows)],
    )


def _transaction_row(transaction: Transaction) -> dict[str, Any]:
    return {name: getattr(transaction, name) for name in TRANSACTION_COLUMNS}


def _decision_row(decision: Decision, receipt_id: int | None, receipt_row: int) -> dict[str, Any]:
    return {
        "transaction_id": decision.transaction_id,
        "event_time": decision.event_time,
        "score": decision.score,
        "outcome": decision.outcome.value,
        "model_version": decision.model_version,
        "reasons": _json(decision.reasons) if decision.reasons else NOTHING,
        "missing": _json(decision.missing) if decision.missing else NOTHING,
        "receipt_id": receipt_id,
        "receipt_row": None if receipt_id is None else receipt_row,
    }


def _save_rings(connection: Connection, rings: Iterable[Ring]) -> None:
    newest = {ring.ring_id: ring for ring in sorted(rings, key=lambda ring: ring.version)}
    if not newest:
        return
    key = table.rings.c.ring_id
    known: dict[str, int] = {}
    for some in portions(newest):
        query = select(key, table.rings.c.version).where(key.in_(some)).with_for_update()
        known.update((row.ring_id, row.version) for row in connection.execute(query))
    changed = [ring for ring in newest.values() if ring.version > known.get(ring.ring_id, 0)]
    if not changed:
        return
    statement = _upsert(connection, table.rings)
    values = {c.name: statement.excluded[c.name] for c in table.rings.c if not c.primary_key}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["ring_id"], set_=values),
        [_ring_row(r) for r in changed],
    )
    for some in portions(ring.ring_id for ring in changed):
        connection.execute(delete(table.ring_members).where(table.ring_members.c.ring_id.in_(some)))
    members = [
        {**msgspec.structs.asdict(member), "kind": member.kind.value, "ring_id": ring.ring_id}
        for ring in changed
        for member in ring.members
    ]
    _insert_new(connection, table.ring_members, members)


def _ring_row(ring: Ring) -> dict[str, Any]:
    row = msgspec.structs.asdict(ring)
    del row["members"]
    return {**row, "transaction_ids": _json(ring.transaction_ids)}


def _save_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Keep the newest state of each alert, but never touch ``state``: that belongs to the investigators."""
    states = sorted(alerts, key=lambda alert: alert.version)
    if not states:
        return
    statement = _upsert(connection, table.alerts)
    values = {
        c.name: statement.excluded[c.name] for c in table.alerts.c if c.name not in ("alert_id", "state")
    }
    newer = statement.excluded.version > table.alerts.c.version
    connection.execute(
        statement.on_conflict_do_update(index_elements=["alert_id"], set_=values, where=newer),
        [_alert_row(alert) for alert in states],
    )
    outbox = [
        {"idempotency_key": a.idempotency_key, "alert_id": a.alert_id, "version": a.version, "body": _json(a)}
        for a in states
    ]
    _insert_new(connection, table.alert_outbox, outbox)


def _alert_row(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "version": alert.version,
        "state": alert.state.value,
        "severity": alert.severity.value,
        "severity_rank": alert.severity.rank,
        "subject": alert.subject.value,
        "subject_id": alert.subject_id,
        "kind": alert.kind,
        "score": alert.score,
        "money": alert.money,
        "size": len(alert.members),
        "top_reason": alert.top_reason,
        "opened_at": alert.opened_at,
        "last_seen": alert.last_seen,
        "body": _json(alert),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _upsert(connection: Connection, into: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ON CONFLICT, in the dialect of the database."""
    return postgresql.insert(into) if connection.dialect.name == "postgresql" else sqlite.insert(into)


def _insert_new(connection: Connection, into: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        connection.execute(_upsert(connection, into).on_conflict_do_nothing(), rows)


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
        if backend == "sqlite" and address.database:
            _make_private_file(Path(address.database))
        engine = create_engine(address, pool_pre_ping=backend != "sqlite")
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            "RINGFENCE_DATABASE_URL: not an address such as sqlite:///file or postgresql+psycopg://…"
        ) from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"RINGFENCE_DATABASE_URL: the driver {error.name} is missing; pip install it"
        ) from error
    except OSError as error:
        raise StoreError(
            f"record: cannot make {address.database} ({error.strerror}); check the folder"
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    elif backend != "postgresql":
        raise SettingsError(f"RINGFENCE_DATABASE_URL: {backend} is not supported; use sqlite or postgresql")
    return engine


def _make_private_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions begin where _writing says so, not where the module guesses.
    connection.isolation_level = None
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


@contextmanager
def _writing(connection: Connection) -> Iterator[None]:
    """One transaction; SQLite takes its write lock at once, since one begun by a read cannot wait for it later."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
