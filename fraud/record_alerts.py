"""Writes rings and alerts: of each the highest version stays, every state of an alert goes to the outbox once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, Insert, case, delete, select

from fraud import record_tables as table
from fraud.alert import Alert, AlertState
from fraud.case_history import hold_cases
from fraud.case_intake import join_cases
from fraud.database import insert_new, portions, upsert_in
from fraud.ring import Ring

__all__ = ["changed_rings", "save_alerts", "save_ring_events", "save_rings"]


def changed_rings(connection: Connection, rings: Iterable[Ring]) -> list[Ring]:
    """The newest state of each ring, where it is newer than the one on record."""
    newest = {ring.ring_id: ring for ring in sorted(rings, key=lambda ring: ring.version)}
    key = table.rings.c.ring_id
    known: dict[str, int] = {}
    for some in portions(newest):
        query = select(key, table.rings.c.version).where(key.in_(some)).with_for_update()
        known.update((row.ring_id, row.version) for row in connection.execute(query))
    return [ring for ring in newest.values() if ring.version > known.get(ring.ring_id, 0)]


def save_rings(connection: Connection, batch_id: int, rings: list[Ring]) -> None:
    """Put new states of rings, brought by a batch, in place of those on record."""
    if not rings:
        return
    connection.execute(_newest_ring(connection.dialect.name), [_ring_row(ring, batch_id) for ring in rings])
    for some in portions(ring.ring_id for ring in rings):
        connection.execute(delete(table.ring_members).where(table.ring_members.c.ring_id.in_(some)))
    members = [
        {**msgspec.structs.asdict(member), "kind": member.kind.value, "ring_id": ring.ring_id}
        for ring in rings
        for member in ring.members
    ]
    insert_new(connection, table.ring_members, members)


@cache
def _newest_ring(dialect: str) -> Insert:
    statement = upsert_in(dialect, table.rings)
    values = {c.name: statement.excluded[c.name] for c in table.rings.c if not c.primary_key}
    return statement.on_conflict_do_update(index_elements=["ring_id"], set_=values)


def save_ring_events(connection: Connection, rings: Iterable[Ring]) -> None:
    """Add to the histories of rings what is not there yet; of rings that are on record."""
    events = [
        {
            "ring_id": ring.ring_id,
            "number": event.number,
            "time": event.time,
            "step": event.step.value,
            "reason": event.reason,
            "count": event.count,
            "members": _json(event.members),
            "other_ring": event.ring_id,
            "by": event.by,
        }
        for ring in rings
        for event in ring.history
    ]
    insert_new(connection, table.ring_events, events)


def _ring_row(ring: Ring, batch_id: int) -> dict[str, Any]:
    row = msgspec.structs.asdict(ring)
    del row["members"], row["history"]
    return {
        **row,
        "batch_id": batch_id,
        "status": ring.status.value,
        "transaction_ids": _json(ring.transaction_ids),
        "edges": _json(ring.edges),
    }


def save_alerts(connection: Connection, alerts: Iterable[Alert]) -> None:
    """Keep the newest version of each alert, and let each state join its case.

    A state may close or reopen its alert; else the alert stands as its case does.
    """
    states = sorted(alerts, key=lambda alert: alert.version)
    if not states:
        return
    hold_cases(connection)
    for reopened, some in groupby(states, key=lambda alert: alert.reopened):
        connection.execute(
            _newest_alert(connection.dialect.name, reopened), [_alert_row(alert) for alert in some]
        )
    outbox = [
        {"idempotency_key": a.idempotency_key, "alert_id": a.alert_id, "version": a.version, "body": _json(a)}
        for a in states
    ]
    insert_new(connection, table.alert_outbox, outbox)
    join_cases(connection, states)


@cache
def _newest_alert(dialect: str, reopened: bool) -> Insert:
    statement = upsert_in(dialect, table.alerts)
    values: dict[str, Any] = {
        c.name: statement.excluded[c.name] for c in table.alerts.c if c.name not in ("alert_id", "state")
    }
    closed = AlertState.CLOSED.value
    otherwise = AlertState.OPEN.value if reopened else table.alerts.c.state
    values["state"] = case((statement.excluded.state == closed, closed), else_=otherwise)
    newer = statement.excluded.version > table.alerts.c.version
    return statement.on_conflict_do_update(index_elements=["alert_id"], set_=values, where=newer)


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
