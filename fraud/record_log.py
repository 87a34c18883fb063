"""The record as a log: batches in the order written, where each stream stands, and states kept beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine, Executable, Row, Select, Table, func, select

from fraud.database import AT_ONCE, portions, store_errors
from fraud.decision import Outcome, Reason
from fraud.label import Label
from fraud.record_rows import DecidedTransaction, Following, SavedState
from fraud.record_tables import (
    ROW_BITS,
    batches,
    decisions,
    labels,
    positions,
    ring_events,
    ring_members,
    rings,
    states,
    streams,
    transactions,
)
from fraud.ring import NodeKind, Ring, RingEdge, RingEvent, RingMember, RingStatus, RingStep
from fraud.transaction import Transaction

__all__ = ["RecordLog", "decided_query", "read_decided", "read_reasons"]

BATCH_ROWS = 1 << ROW_BITS

EMPTY_COUNTS = 100
"""What a batch without transactions counts for in a portion: it holds labels or rings."""


class RecordLog:
    """What followers of the record ask it; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def following(self, stream: str, after: int, limit: int = 1_000) -> Following:
        """What a stream wrote after batch ``after``: whole batches, about ``limit`` transactions, at least
        one batch.

        Readers that build something from the record (the graph store, say) keep the last batch id they have
        taken in and ask again from there; asking twice gives the same.
        """
        batch = batches.c
        query = select(batch.batch_id, batch.transactions).where(
            batch.stream == stream, batch.batch_id > after
        )
        taken: list[int] = []
        size = 0
        for row in self._rows(query.order_by(batch.batch_id).limit(AT_ONCE)):
            if taken and size + row.transactions > limit:
                break
            taken.append(row.batch_id)
            size += row.transactions or EMPTY_COUNTS
        if not taken:
            return Following(after, after, ())
        rows = transactions.c.row_id
        of_batch = (rows >= batch.batch_id * BATCH_ROWS) & (rows < (batch.batch_id + 1) * BATCH_ROWS)
        written = decided_query().join(batches, of_batch).where(batch.batch_id.in_(taken))
        found = self._decided(written.order_by(rows))
        changed = self._rows(
            select(rings.c.ring_id).where(rings.c.batch_id.in_(taken)).order_by(rings.c.ring_id)
        )
        states = (self.ring(row.ring_id) for row in changed)
        return Following(
            after,
            taken[-1],
            tuple(found),
            tuple(ring for ring in states if ring is not None),
            tuple(self._newest_labels(taken)),
        )

    def ring(self, ring_id: str) -> Ring | None:
        """The newest state of a ring, members by score, or None."""
        rows = self._rows(select(rings).where(rings.c.ring_id == ring_id))
        if not rows:
            return None
        row = rows[0]
        return Ring(
            ring_id=row.ring_id,
            version=row.version,
            kind=row.kind,
            score=row.score,
            members=tuple(self.ring_members(ring_id)),
            first_alert_time=row.first_alert_time,
            last_seen=row.last_seen,
            money=row.money,
            transaction_ids=tuple(msgspec.json.decode(row.transaction_ids, type=list[str])),
            first_seen=row.first_seen,
            at_risk=row.at_risk,
            accounts=row.accounts,
            truncated=row.truncated,
            status=RingStatus(row.status),
            decided_by=row.decided_by,
            suppressed_until=row.suppressed_until,
            merged_into=row.merged_into,
            split_from=row.split_from,
            edges=tuple(msgspec.json.decode(row.edges, type=list[RingEdge])),
            history=tuple(self.ring_history(ring_id)),
        )

    def ring_history(self, ring_id: str) -> list[RingEvent]:
        """What happened to a ring, oldest first."""
        event = ring_events.c
        query = select(ring_events).where(event.ring_id == ring_id).order_by(event.number)
        return [
            RingEvent(
                r.number, r.time, RingStep(r.step), r.reason, r.count,
                tuple(msgspec.json.decode(r.members, type=list[str])), r.other_ring, r.by,
            )
            for r in self._rows(query)
        ]  # fmt: skip

    def all_rings(self) -> list[Ring]:
        """Every ring in its newest state, in the order of their first alerts."""
        found = self._rows(select(rings.c.ring_id).order_by(rings.c.first_alert_time, rings.c.ring_id))
        states = (self.ring(row.ring_id) for row in found)
        return [ring for ring in states if ring is not None]

    def ring_members(self, ring_id: str) -> list[RingMember]:
        """Members of a ring, highest score first."""
        member = ring_members.c
        query = select(member.member_id, member.kind, member.role, member.score, member.joined_at)
        query = query.where(member.ring_id == ring_id).order_by(
            member.score.desc(), member.kind, member.member_id
        )
        return [
            RingMember(r.member_id, NodeKind(r.kind), r.role, r.score, r.joined_at) for r in self._rows(query)
        ]

    def streams(self) -> dict[str, int]:
        """The newest batch of every stream."""
        return {row.stream: row.batch_id for row in self._rows(select(streams))}

    def waiting(self, after: Mapping[str, int]) -> int:
        """Transactions of all streams written after the batches named, stream by stream: how far a reader lags behind.

        A stream that is not named counts from its beginning.
        """
        return sum(
            self.waiting_of(stream, after.get(stream, 0))
            for stream, newest in self.streams().items()
            if newest > after.get(stream, 0)
        )

    def waiting_of(self, stream: str, after: int) -> int:
        """Transactions that a stream wrote after a batch."""
        batch = batches.c
        query = select(func.sum(batch.transactions)).where(batch.stream == stream, batch.batch_id > after)
        return int(self._rows(query)[0][0] or 0)

    def positions(self) -> dict[str, int]:
        """How far in its source each stream has been written, for streams that say so."""
        return {row.stream: row.position for row in self._rows(select(positions))}

    def position(self, stream: str) -> int | None:
        """How far in its source a stream has been written, or None before its first position."""
        rows = self._rows(select(positions.c.position).where(positions.c.stream == stream))
        return rows[0].position if rows else None

    def state(self, name: str) -> SavedState | None:
        """The newest saved state of a name, or None."""
        rows = self._rows(select(states).where(states.c.name == name))
        return SavedState(rows[0].name, rows[0].position, rows[0].body) if rows else None

    def count(self, table: Table) -> int:
        """Rows of one of the tables in ``fraud.record_tables``."""
        return int(self._rows(select(func.count()).select_from(table))[0][0])

    def close(self) -> None:
        """Give the connections back; the record can't be used afterwards."""
        self.engine.dispose()

    def labels(self, transaction_ids: Iterable[str], *, stream: str | None = None) -> dict[str, list[Label]]:
        """What was reported of the named transactions, the earliest report first; the last one counts.

        With ``stream``, only what that writer received.
        """
        found: dict[str, list[Label]] = {}
        column = labels.c
        for some in portions(transaction_ids):
            query = select(column.transaction_id, column.is_fraud, column.known_at, column.source)
            query = query.where(column.transaction_id.in_(some)).order_by(column.known_at, column.source)
            if stream is not None:
                query = query.where(column.stream == stream)
            for row in self._rows(query):
                found.setdefault(row.transaction_id, []).append(Label(*row))
        return found

    def _newest_labels(self, batch_ids: Collection[int]) -> Iterator[Label]:
        """The label that counts of each transaction that the batches brought a label of."""
        about = select(labels.c.transaction_id).distinct().where(labels.c.batch_id.in_(batch_ids))
        ids = [row.transaction_id for row in self._rows(about.order_by(labels.c.transaction_id))]
        for reports in self.labels(ids).values():
            yield reports[-1]

    def _decided(self, query: Select[Any]) -> list[DecidedTransaction]:
        return read_decided(self._rows(query))

    def _rows(self, query: Executable) -> Sequence[Any]:
        with store_errors("read"), self.engine.connect() as connection:
            return connection.execute(query).all()


def decided_query() -> Select[Any]:
    """Transactions beside their decisions, in the columns of DecidedTransaction."""
    columns = [transactions.c[name] for name in Transaction.__struct_fields__]
    return select(*columns, decisions.c.score, decisions.c.outcome, decisions.c.reasons).outerjoin(
        decisions, decisions.c.row_id == transactions.c.row_id
    )


def read_decided(rows: Iterable[Row[Any]]) -> list[DecidedTransaction]:
    """What ``decided_query`` found."""
    found = []
    for row in rows:
        values = dict(row._mapping)
        values["outcome"] = None if row.outcome is None else Outcome(row.outcome)
        values["reasons"] = read_reasons(row.reasons)
        found.append(DecidedTransaction(**values))
    return found


def read_reasons(stored: str | None) -> tuple[Reason, ...]:
    """Reasons as the record keeps them: JSON, or nothing."""
    return msgspec.json.decode(stored or "[]", type=tuple[Reason, ...])
