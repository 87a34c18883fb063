"""The record: every transaction, decision, receipt, ring and alert, in SQL.

One call writes one batch in one database transaction, and writing it again changes nothing: a transaction
keeps its first decision, an alert and a ring keep their highest version. When ``write_batch`` has returned,
the batch survives kill -9 of this process, and with SQLite's ``synchronous=FULL`` (set here) also the loss of
power.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self

import msgspec
from sqlalchemy import (
    Connection,
    Table,
    case,
    delete,
    insert,
    select,
    update,
)

from fraud import record_tables as table
from fraud.alert import Alert, AlertState
from fraud.database import open_engine, portions, store_errors, upsert, writing
from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.errors import InputError, StoreError
from fraud.receipt import ReceiptBatch
from fraud.record_positions import advance, keep_state
from fraud.record_reader import RecordReader
from fraud.record_rows import SavedState
from fraud.ring import Ring
from fraud.run import Run
from fraud.transaction import Transaction

__all__ = ["Record", "Written"]

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
        engine = open_engine(url)
        record = cls(engine)
        with store_errors("open"), engine.connect() as connection, writing(connection):
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
        stream: str = "main",
        positions: Mapping[str, int] | None = None,
        states: Iterable[SavedState] = (),
        rings: Iterable[Ring] = (),
        alerts: Iterable[Alert] = (),
        dead_letters: Iterable[DeadLetter] = (),
    ) -> Written:
        """Record a batch, all or nothing; row i of decisions and of receipts belongs to transaction i.

        ``stream`` names the writer; readers that follow the record keep their place by stream and batch.
        ``positions`` say how far in their sources the batch reaches, source by source, and ``states`` are kept
        beside them: both are there when the batch is there, and never go back.
        Raises InputError when the parts do not belong together, StoreUnavailable when it may be tried again.
        """
        ids = [t.transaction_id for t in transactions]
        _check_rows(ids, decisions, receipts)
        with self._transaction() as connection:
            fresh = _fresh_rows(connection, ids)
            changed = _changed_rings(connection, rings)
            if fresh or changed:
                batch_id = _new_batch(connection, stream, len(fresh))
                _insert_decided(connection, batch_id, fresh, transactions, decisions)
                _insert_receipts(connection, batch_id, fresh, receipts)
                _save_rings(connection, batch_id, changed)
            _save_alerts(connection, alerts)
            _insert_new(
                connection, table.dead_letters, [msgspec.structs.asdict(letter) for letter in dead_letters]
            )
            for source, position in (positions or {}).items():
                advance(connection, source, position)
            for state in states:
                keep_state(connection, state)
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

    def save_state(self, name: str, position: int, body: bytes) -> None:
        """Keep the newest state of a name; one that has come less far than the one on record is ignored."""
        with self._transaction() as connection:
            keep_state(connection, SavedState(name, position, body))

    def save_run(self, run: Run) -> None:
        """Record the newest state of a run."""
        row = {**msgspec.structs.asdict(run), "state": run.state.value}
        with self._transaction() as connection:
            statement = upsert(connection, table.runs)
            changed = {name: statement.excluded[name] for name in row if name != "run_id"}
            connection.execute(
                statement.on_conflict_do_update(index_elements=["run_id"], set_=changed), [row]
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with store_errors("write"), self.engine.connect() as connection, writing(connection):
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


def _new_batch(connection: Connection, stream: str, size: int) -> int:
    statement = insert(table.batches).returning(table.batches.c.batch_id)
    batch_id: int = connection.execute(statement, {"stream": stream, "transactions": size}).scalar_one()
    return batch_id


def _insert_decided(
    connection: Connection,
    batch_id: int,
    rows: list[int],
    transactions: Sequence[Transaction],
    decisions: Sequence[Decision],
) -> None:
    _insert_new(connection, table.transactions, [_transaction_row(transactions[i]) for i in rows])
    decided = [_decision_row(decisions[i], batch_id, row) for row, i in enumerate(rows)]
    _insert_new(connection, table.decisions, decided)


def _insert_receipts(
    connection: Connection, batch_id: int, rows: list[int], receipts: ReceiptBatch | None
) -> None:
    if receipts is None or not rows:
        return
    kept = receipts if len(rows) == len(receipts) else receipts.take(rows)
    row = {"batch_id": batch_id, "model_version": kept.model_version, "body": kept.to_bytes()}
    connection.execute(insert(table.receipts), row)


def _transaction_row(transaction: Transaction) -> dict[str, Any]:
    return {name: getattr(transaction, name) for name in TRANSACTION_COLUMNS}


def _decision_row(decision: Decision, batch_id: int, batch_row: int) -> dict[str, Any]:
    return {
        "transaction_id": decision.transaction_id,
        "event_time": decision.event_time,
        "score": decision.score,
        "outcome": decision.outcome.value,
        "model_version": decision.model_version,
        "reasons": _json(decision.reasons) if decision.reasons else NOTHING,
        "missing": _json(decision.missing) if decision.missing else NOTHING,
        "batch_id": batch_id,
        "batch_row": batch_row,
    }


def _changed_rings(connection: Connection, rings: Iterable[Ring]) -> list[Ring]:
    """The newest state of each ring, where it is newer than the one on record."""
    newest = {ring.ring_id: ring for ring in sorted(rings, key=lambda ring: ring.version)}
    key = table.rings.c.ring_id
    known: dict[str, int] = {}
    for some in portions(newest):
        query = select(key, table.rings.c.version).where(key.in_(some)).with_for_update()
        known.update((row.ring_id, row.version) for row in connection.execute(query))
    return [ring for ring in newest.values() if ring.version > known.get(ring.ring_id, 0)]


def _save_rings(connection: Connection, batch_id: int, rings: list[Ring]) -> None:
    if not rings:
        return
    statement = upsert(connection, table.rings)
    values = {c.name: statement.excluded[c.name] for c in table.rings.c if not c.primary_key}
    newest = statement.on_conflict_do_update(index_elements=["ring_id"], set_=values)
    connection.execute(newest, [_ring_row(ring, batch_id) for ring in rings])
    for some in portions(ring.ring_id for ring in rings):
        connection.execute(delete(table.ring_members).where(table.ring_members.c.ring_id.in_(some)))
    members = [
        {**msgspec.structs.asdict(member), "kind": member.kind.value, "ring_id": ring.ring_id}
        for ring in rings
        for member in ring.members
    ]
    _insert_new(connection, table.ring_members, members)


def _ring_row(ring: Ring, batch_id: int) -> dict[str, Any]:
    row = msgspec.structs.asdict(ring)
    del row["members"]
    return {**row, "batch_id": batch_id, "transaction_ids": _json(ring.transaction_ids)}


def _save_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Keep the newest version of each alert; it may close an alert, all else about ``state`` is the investigators'."""
    states = sorted(alerts, key=lambda alert: alert.version)
    if not states:
        return
    statement = upsert(connection, table.alerts)
    values: dict[str, Any] = {
        c.name: statement.excluded[c.name] for c in table.alerts.c if c.name not in ("alert_id", "state")
    }
    closed = AlertState.CLOSED.value
    values["state"] = case((statement.excluded.state == closed, closed), else_=table.alerts.c.state)
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


def _insert_new(connection: Connection, into: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        connection.execute(upsert(connection, into).on_conflict_do_nothing(), rows)
