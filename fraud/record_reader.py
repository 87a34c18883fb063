"""What people ask of the record: queues, alerts, rings, transactions, receipts. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import msgspec
from sqlalchemy import BigInteger, case, func, or_, select, type_coerce

from fraud.alert import Alert, AlertState, Severity, Subject
from fraud.database import portions, reading, store_errors
from fraud.decision import Decision, Outcome
from fraud.errors import StoreError
from fraud.receipt import Receipt, ReceiptBatch
from fraud.record_hashes import name_hashes
from fraud.record_log import RecordLog, decided_query, read_decided, read_reasons
from fraud.record_lookup import doubling, eras_within, row_ids
from fraud.record_names import rows_naming
from fraud.record_rows import AlertSummary, DayCount, DecidedTransaction
from fraud.record_tables import (
    DAY,
    EPOCH,
    ROW_BITS,
    alert_outbox,
    alerts,
    decisions,
    receipts,
    ring_members,
    runs,
    transactions,
)
from fraud.run import Run, RunState

__all__ = ["RecordReader"]


class RecordReader(RecordLog):
    """Read access to the record; safe to share between threads."""

    def alert_queue(
        self,
        states: Collection[AlertState] = (AlertState.OPEN, AlertState.IN_REVIEW),
        *,
        limit: int = 1_000,
    ) -> list[AlertSummary]:
        """The most urgent alerts in the given states first: by severity, then score, then the newest."""
        columns = [alerts.c[name] for name in AlertSummary.__struct_fields__]
        query = select(*columns).order_by(
            alerts.c.severity_rank.desc(), alerts.c.score.desc(), alerts.c.last_seen.desc(), alerts.c.alert_id
        )
        query = query.where(alerts.c.state.in_([state.value for state in states]))
        return [
            AlertSummary(
                **{
                    **row._mapping,
                    "state": AlertState(row.state),
                    "severity": Severity(row.severity),
                    "subject": Subject(row.subject),
                }
            )
            for row in self._rows(query.limit(limit))
        ]

    def alert(self, alert_id: str) -> Alert | None:
        """The newest state of an alert, or None."""
        rows = self._rows(select(alerts.c.body, alerts.c.state).where(alerts.c.alert_id == alert_id))
        if not rows:
            return None
        alert = msgspec.json.decode(rows[0].body, type=Alert)
        return msgspec.structs.replace(alert, state=AlertState(rows[0].state))

    def unsent_alerts(self, limit: int = 100) -> list[Alert]:
        """States of alerts that no channel has taken yet, oldest version of each alert first."""
        outbox = alert_outbox.c
        query = select(outbox.body).where(outbox.sent_at.is_(None)).order_by(outbox.alert_id, outbox.version)
        return [msgspec.json.decode(row.body, type=Alert) for row in self._rows(query.limit(limit))]

    def rings_of(self, member_ids: Iterable[str]) -> dict[str, list[str]]:
        """Ring ids by member, for those of the members that belong to any ring."""
        found: dict[str, list[str]] = {}
        for some in portions(member_ids):
            query = select(ring_members.c.member_id, ring_members.c.ring_id)
            query = query.where(ring_members.c.member_id.in_(some)).order_by(ring_members.c.ring_id)
            for row in self._rows(query):
                found.setdefault(row.member_id, []).append(row.ring_id)
        return found

    def transactions(self, transaction_ids: Iterable[str]) -> list[DecidedTransaction]:
        """The named transactions that are in the record, oldest first."""
        found: list[DecidedTransaction] = []
        for some in self._row_ids(transaction_ids):
            found += self._decided(decided_query().where(transactions.c.row_id.in_(some)))
        return sorted(found, key=lambda t: (t.event_time, t.transaction_id))

    def transactions_around(
        self,
        node_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 200,
    ) -> list[DecidedTransaction]:
        """The newest transactions at a node (payer, counterparty, merchant, device or IP), newest first.

        ``since`` is included, ``until`` is not. Eras are asked from the newest on, until no older one can add to
        what was found, so that a hub costs no more.
        """
        column = transactions.c
        ends = (column.account_id, column.counterparty_id, column.merchant_id, column.device_id, column.ip)
        query = decided_query().where(or_(*(end == node_id for end in ends)))
        if since is not None:
            query = query.where(column.event_time >= since)
        if until is not None:
            query = query.where(column.event_time < until)
        query = query.order_by(column.event_time.desc(), column.transaction_id.desc()).limit(limit)
        found: list[DecidedTransaction] = []
        with store_errors("read"), self.engine.connect() as connection, reading(connection):
            for some in doubling(connection.execute(eras_within(since, until)).all()):
                if len(found) == limit and some[0].latest < found[-1].event_time:
                    break
                rows = rows_naming(connection, name_hashes([node_id]), [row.era for row in some])
                for there in portions(rows):
                    found += read_decided(connection.execute(query.where(column.row_id.in_(there))))
                found.sort(key=lambda t: (t.event_time, t.transaction_id), reverse=True)
                del found[limit:]
        return found

    def decision(self, transaction_id: str) -> Decision | None:
        """The decision of a transaction, or None."""
        return self.decisions([transaction_id]).get(transaction_id)

    def decisions(
        self,
        transaction_ids: Iterable[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> dict[str, Decision]:
        """Decisions by transaction id, for those that are in the record.

        Old ones are found sooner where the event times are told between which all of them lie, both included.
        """
        found: dict[str, Decision] = {}
        query = select(decisions, transactions.c.transaction_id, transactions.c.event_time).join(
            transactions, transactions.c.row_id == decisions.c.row_id
        )
        for some in self._row_ids(transaction_ids, since, until):
            for row in self._rows(query.where(decisions.c.row_id.in_(some))):
                found[row.transaction_id] = Decision(
                    transaction_id=row.transaction_id,
                    event_time=row.event_time,
                    score=row.score,
                    outcome=Outcome(row.outcome),
                    model_version=row.model_version,
                    reasons=read_reasons(row.reasons),
                    missing=msgspec.json.decode(row.missing or "[]", type=tuple[str, ...]),
                )
        return found

    def receipt(self, transaction_id: str) -> Receipt | None:
        """What a transaction was scored from, or None where no receipt was kept."""
        return next(iter(self.receipts([transaction_id])), None)

    def receipts(self, transaction_ids: Iterable[str]) -> list[Receipt]:
        """What transactions were scored from, in no order; those without a receipt are left out.

        A receipt is read with all of its batch, so ask for a few dozen at most.
        """
        wanted = list(transaction_ids)
        found: list[Receipt] = []
        for some in self._row_ids(wanted):
            places: dict[int, list[int]] = {}
            for row_id in some:
                places.setdefault(row_id >> ROW_BITS, []).append(row_id & ((1 << ROW_BITS) - 1))
            for batch_id, kept in self._receipt_batches(places):
                if max(places[batch_id]) >= len(kept):
                    raise StoreError(f"receipt: batch {batch_id} lacks rows; restore a backup")
                found += [kept.row(i) for i in places[batch_id]]
        if not {one.transaction_id for one in found} <= set(wanted):
            raise StoreError("receipt: a row belongs to another transaction; restore a backup")
        return found

    def receipts_beside(self, transaction_id: str, limit: int = 200) -> list[Receipt]:
        """Receipts of the other transactions that were scored in the same batch."""
        for some in self._row_ids([transaction_id]):
            for _, kept in self._receipt_batches([some[0] >> ROW_BITS]):
                rows = (
                    kept.row(i) for i, other in enumerate(kept.transaction_ids) if other != transaction_id
                )
                return list(islice(rows, limit))
        return []

    def _receipt_batches(self, batch_ids: Iterable[int]) -> Iterator[tuple[int, ReceiptBatch]]:
        query = select(receipts.c.batch_id, receipts.c.body).where(receipts.c.batch_id.in_(list(batch_ids)))
        for row in self._rows(query):
            yield row.batch_id, ReceiptBatch.from_bytes(row.body)

    def counts_by_day(self) -> list[DayCount]:
        """Decisions and money by day of event time, oldest first."""
        day = (type_coerce(transactions.c.event_time, BigInteger) // DAY).label("day")
        held = decisions.c.outcome != Outcome.APPROVE.value
        query = (
            select(
                day,
                *(
                    func.sum(case((decisions.c.outcome == o.value, 1), else_=0)).label(o.value)
                    for o in Outcome
                ),
                func.sum(transactions.c.amount).label("money"),
                func.sum(case((held, transactions.c.amount), else_=0.0)).label("stopped"),
            )
            .join(decisions, decisions.c.row_id == transactions.c.row_id)
            .group_by(day)
            .order_by(day)
        )
        return [
            DayCount(
                EPOCH.date() + timedelta(days=r.day),
                int(r.approve),
                int(r.review),
                int(r.block),
                float(r.money),
                float(r.stopped),
            )
            for r in self._rows(query)
        ]

    def runs(self, limit: int = 50) -> list[Run]:
        """The newest runs first."""
        query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id).limit(limit)
        return [Run(**{**row._mapping, "state": RunState(row.state)}) for row in self._rows(query)]

    def _row_ids(
        self, transaction_ids: Iterable[str], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[list[int]]:
        """Row ids of the named transactions that are on record, in portions."""
        with store_errors("read"), self.engine.connect() as connection, reading(connection):
            found = list(row_ids(connection, transaction_ids, since, until).values())
        yield from portions(found)
