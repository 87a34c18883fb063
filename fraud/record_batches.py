"""Writes the transactions of a batch, their decisions and receipts: each transaction once, in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Executable, insert, text
from sqlalchemy.exc import IntegrityError

from fraud import record_tables as table
from fraud.bulk_insert import bulk_insert
from fraud.database import upsert_in
from fraud.decision import Decision
from fraud.errors import InputError
from fraud.receipt import ReceiptBatch
from fraud.record_eras import CROWDED, Extent, make_room, open_era
from fraud.record_hashes import id_hashes
from fraud.record_known import KnownIds
from fraud.record_lookup import row_ids
from fraud.record_names import add_part, names_of
from fraud.record_tables import ROW_BITS, since_epoch
from fraud.transaction import Transaction

__all__ = ["BatchWriter", "Decided"]

LARGEST_BATCH = 1 << ROW_BITS

WORTH_A_THREAD = 256
"""Receipts from which on they are encoded beside the SQL of their batch."""

STREAM_LOCKS = 7_231_002
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:group, hashtext(:stream))")
"""Even when a stream's old writer still lives beside its new one, batch ids come in the order of commits."""

# Made once: to build a statement anew costs more than to carry it out.
NEW_BATCH = insert(table.batches).returning(table.batches.c.batch_id)
NEW_RECEIPTS = insert(table.receipts)


@dataclass(frozen=True, slots=True)
class Decided:
    """Transactions with one decision each, and their receipts, rows in the same order."""

    transactions: Sequence[Transaction]
    decisions: Sequence[Decision]
    receipts: ReceiptBatch | None

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        ids = self.ids()
        if ids != [one.transaction_id for one in self.decisions]:
            raise InputError(
                "decisions: rows do not match the transactions; give one decision each, in their order"
            )
        if [one.event_time for one in self.transactions] != [one.event_time for one in self.decisions]:
            raise InputError(
                "decisions: an event time differs from its transaction's; give the transaction's own"
            )
        if self.receipts is not None and ids != list(self.receipts.transaction_ids):
            raise InputError(
                "receipts: rows do not match the transactions; give one receipt each, in their order"
            )
        if len(ids) > LARGEST_BATCH:
            raise InputError(f"transactions: {len(ids)} in one batch; write at most {LARGEST_BATCH} at once")

    def ids(self) -> list[str]:
        """The transaction ids."""
        return [one.transaction_id for one in self.transactions]

    def take(self, rows: Sequence[int]) -> Decided:
        """Only the named rows; itself where that is all of them."""
        if len(rows) == len(self.transactions):
            return self
        return Decided(
            [self.transactions[i] for i in rows],
            [self.decisions[i] for i in rows],
            None if self.receipts is None else self.receipts.take(rows),
        )


class BatchWriter:
    """Keeps transaction ids single: by a unique index on PostgreSQL, by ``KnownIds`` under SQLite's write lock."""

    def __init__(self) -> None:
        self._known = KnownIds()
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="receipts")
        """Compression and SQL both leave the interpreter to others, so that they can go on at once."""
        self._crowded: set[str] = set()

    def write(
        self, connection: Connection, stream: str, decided: Decided, *, even_empty: bool
    ) -> tuple[int | None, list[int]]:
        """Write the transactions that are not on record yet; their rows in ``decided``, and the id of the batch.

        There is no batch, and its id is None, with nothing new unless ``even_empty``.
        """
        ids = decided.ids()
        indexed = connection.dialect.name == "postgresql"
        hashes = None if indexed else id_hashes(ids)
        rows = _first_of_each(ids) if hashes is None else self._new_rows(connection, ids, hashes)
        while rows or even_empty:
            attempt: AbstractContextManager[Any] = connection.begin_nested() if indexed else nullcontext()
            try:
                with attempt:
                    new_hashes = None if hashes is None else hashes[rows]
                    return self._insert(connection, stream, decided.take(rows), new_hashes), rows
            except IntegrityError:
                # Another stream, or an earlier try of ours, wrote some of them; anything else is a real fault.
                known = row_ids(connection, [ids[i] for i in rows]) if indexed else {}
                if not known:
                    raise
                rows = [i for i in rows if ids[i] not in known]
        return None, []

    @property
    def crowded(self) -> bool:
        """Whether ``make_room`` has something to do."""
        return bool(self._crowded)

    def make_room(self, connection: Connection) -> None:
        """Sort or join the names of batches, which a batch to come would otherwise have to do."""
        while self._crowded:
            stream = self._crowded.pop()
            _take_turn(connection, stream)
            make_room(connection, stream)

    def _new_rows(self, connection: Connection, ids: list[str], hashes: NDArray[np.int64]) -> list[int]:
        if not ids:
            return []
        self._known.catch_up(connection)
        rows = _first_of_each(ids)
        suspects = set(np.flatnonzero(self._known.may_hold(hashes)).tolist())
        if not suspects:
            return rows
        known = row_ids(connection, {ids[i] for i in suspects})
        return [i for i in rows if i not in suspects or ids[i] not in known]

    def _insert(
        self, connection: Connection, stream: str, decided: Decided, hashes: NDArray[np.int64] | None
    ) -> int:
        size = len(decided.transactions)
        _take_turn(connection, stream)
        batch = {
            "stream": stream,
            "transactions": size,
            "id_hashes": None if hashes is None else hashes.tobytes(),
        }
        batch_id: int = connection.execute(NEW_BATCH, batch).scalar_one()
        connection.execute(_newest_batch(connection.dialect.name), {"stream": stream, "batch_id": batch_id})
        if not size:
            return batch_id
        encoding = None if decided.receipts is None else self._encode(decided.receipts)
        try:
            first = batch_id << ROW_BITS
            times = [one.event_time for one in decided.transactions]
            era = open_era(connection, stream, batch_id, Extent(size, min(times), max(times)))
            bulk_insert(connection, table.transactions, _transaction_rows(first, decided.transactions))
            bulk_insert(connection, table.decisions, _decision_rows(first, decided.decisions))
            add_part(connection, era.era, batch_id, names_of(decided.transactions, first, hashes))
            if era.is_full() or era.is_scattered():
                make_room(connection, stream)
            elif era.is_full(CROWDED) or era.is_scattered(CROWDED):
                self._crowded.add(stream)
            if encoding is not None and decided.receipts is not None:
                row = {"model_version": decided.receipts.model_version, "body": encoding.result()}
                connection.execute(NEW_RECEIPTS, {"batch_id": batch_id, **row})
        finally:
            # The arrays may be another process's to write to once this has returned.
            wait([encoding] if encoding is not None else [])
        return batch_id

    def _encode(self, receipts: ReceiptBatch) -> Future[bytes]:
        """Receipts as they are kept; encoded beside what follows where that is worth the way to a thread."""
        if len(receipts) >= WORTH_A_THREAD:
            return self._encoder.submit(receipts.to_bytes)
        encoded: Future[bytes] = Future()
        encoded.set_result(receipts.to_bytes())
        return encoded


def _take_turn(connection: Connection, stream: str) -> None:
    """Until the transaction ends nobody else writes to the stream; SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(ONE_AT_A_TIME, {"group": STREAM_LOCKS, "stream": stream})


@cache
def _newest_batch(dialect: str) -> Executable:
    newest = upsert_in(dialect, table.streams)
    return newest.on_conflict_do_update(
        index_elements=["stream"], set_={"batch_id": newest.excluded.batch_id}
    )


def _first_of_each(ids: list[str]) -> list[int]:
    if len(set(ids)) == len(ids):
        return list(range(len(ids)))
    first: dict[str, int] = {}
    for i, one in enumerate(ids):
        first.setdefault(one, i)
    return list(first.values())


def _transaction_rows(first: int, transactions: Sequence[Transaction]) -> list[tuple[Any, ...]]:
    return [
        (
            row_id,
            one.transaction_id,
            since_epoch(one.event_time),
            one.account_id,
            one.amount,
            one.merchant_id,
            one.counterparty_id,
            one.currency,
            one.device_id,
            one.ip,
            one.channel,
            one.mcc,
            one.latitude,
            one.longitude,
        )
        for row_id, one in enumerate(transactions, first)
    ]


def _decision_rows(first: int, decisions: Sequence[Decision]) -> list[tuple[Any, ...]]:
    return [
        (
            row_id,
            one.score,
            one.outcome.value,
            one.model_version,
            _json(one.reasons) if one.reasons else None,
            _json(one.missing) if one.missing else None,
        )
        for row_id, one in enumerate(decisions, first)
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
