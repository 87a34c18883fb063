"""The record: every transaction, decision, receipt, ring and alert, in SQL.

One call writes one batch in one database transaction, and writing it again changes nothing: a transaction
keeps its first decision, an alert and a ring keep their highest version. When ``write_batch`` has returned,
the batch survives kill -9 of this process, and with SQLite's ``synchronous=FULL`` (set here) also the loss of
power.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Self

import msgspec
from sqlalchemy import Connection, Engine, update

from fraud import record_tables as table
from fraud.alert import Alert
from fraud.database import insert_new, open_engine, portions, store_errors, upsert, writing
from fraud.dead_letter import DeadLetter
from fraud.decision import Decision
from fraud.label import Label
from fraud.receipt import ReceiptBatch
from fraud.record_alerts import changed_rings, save_alerts, save_ring_events, save_rings
from fraud.record_batches import BatchWriter, Decided
from fraud.record_positions import advance, keep_state
from fraud.record_reader import RecordReader
from fraud.record_rows import SavedState
from fraud.ring import Ring
from fraud.run import Run
from fraud.schema import open_schema
from fraud.standing_scores import Rescoring, StandingScore, keep_rescoring
from fraud.transaction import Transaction

__all__ = ["Record", "Written"]


class Written(msgspec.Struct, frozen=True):
    """What a batch changed: how many transactions were new, and the ids that had their decision already."""

    new: int
    repeated: tuple[str, ...]


class Record(RecordReader):
    """Read and write access to the record: any number of readers, and one writer a stream.

    On SQLite writers take turns, each waiting for the others; on PostgreSQL they write beside each other.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._batches = BatchWriter()
        self._turn: AbstractContextManager[Any] = (
            threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the record at a SQLAlchemy address, making its tables on first use.

        Raises SettingsError for an address that can't be used, StoreError for a record of another revision.
        """
        record = cls(open_engine(url))
        try:
            with store_errors("open"), record.engine.connect() as connection:
                open_schema(connection)
        except BaseException:
            record.close()
            raise
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
        labels: Iterable[Label] = (),
        rings: Iterable[Ring] = (),
        alerts: Iterable[Alert] = (),
        dead_letters: Iterable[DeadLetter] = (),
    ) -> Written:
        """Record a batch, all or nothing; row i of decisions and of receipts belongs to transaction i.

        ``stream`` names the writer; readers that follow the record keep their place by stream and batch.
        ``positions`` say how far in their sources the batch reaches, source by source, and ``states`` are kept
        beside them: both are there when the batch is there, and never go back.
        Labels, rings, alerts and dead letters that come again change nothing.
        Raises InputError when the parts do not belong together, StoreUnavailable when it may be tried again.
        """
        decided = Decided(transactions, decisions, receipts)
        reached = positions or {}
        with self._transaction() as connection:
            rings = list(rings)
            changed = changed_rings(connection, rings)
            reports = _label_rows(labels, stream, reached.get(stream))
            batch_id, new = self._batches.write(
                connection, stream, decided, even_empty=bool(changed or reports)
            )
            if batch_id is not None:
                save_rings(connection, batch_id, changed)
                save_ring_events(connection, rings)
                insert_new(connection, table.labels, [{**row, "batch_id": batch_id} for row in reports])
            save_alerts(connection, alerts)
            insert_new(
                connection, table.dead_letters, [msgspec.structs.asdict(letter) for letter in dead_letters]
            )
            advance(connection, reached)
            for state in states:
                keep_state(connection, state)
        kept = set(new)
        repeated = (one.transaction_id for i, one in enumerate(transactions) if i not in kept)
        return Written(new=len(new), repeated=tuple(repeated))

    def make_room(self) -> None:
        """Do now, while nobody waits, what a small batch to come would have to do first; see ``record_eras``."""
        if self._batches.crowded:
            with self._transaction() as connection:
                self._batches.make_room(connection)

    def write_labels(
        self, labels: Iterable[Label], *, stream: str = "main", positions: Mapping[str, int] | None = None
    ) -> None:
        """Record what was reported of transactions, which need not be on record themselves.

        Of one report, named by transaction, time and source, the first is kept; a later report is a row of its own.
        """
        self.write_batch([], [], labels=labels, stream=stream, positions=positions)

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

    def keep_rescoring(self, rescoring: Rescoring, scores: Sequence[StandingScore]) -> None:
        """Put a rescoring in the place of the one before it because of the same case, with all its scores."""
        with self._transaction() as connection:
            keep_rescoring(connection, rescoring, scores)

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
        with self._turn, store_errors("write"), self.engine.connect() as connection, writing(connection):
            yield connection


def _label_rows(labels: Iterable[Label], stream: str, position: int | None) -> list[dict[str, Any]]:
    return [
        {
            "transaction_id": label.transaction_id,
            "known_at": label.label_time,
            "source": label.source,
            "is_fraud": label.is_fraud,
            "stream": stream,
            "position": position,
        }
        for label in labels
    ]
