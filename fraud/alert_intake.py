"""From the record's outbox to deliveries: each state of each alert is routed once, all or nothing.

What a recipient was told before decides what becomes of a new state: it is sent, waits for a while, takes the place
of an older one that has not left yet, or is not worth another message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, func, select, text, update

from fraud.alert import Alert, AlertState
from fraud.alert_config import AlertConfig
from fraud.case_links import snoozed
from fraud.channel_config import Updates
from fraud.database import insert_new, portions, store_errors, writing
from fraud.delivery import Delivery, DeliveryState
from fraud.delivery_tables import deliveries
from fraud.record_tables import alert_outbox
from fraud.routing import Leg, Router

__all__ = ["Intake", "unrouted"]

PORTION = 200
INTAKE_LOCK = 7_231_004
"""PostgreSQL's advisory lock: of several dispatchers one routes at a time, or a newer state might pass an older one."""

TOLD = frozenset(
    {DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.UNCERTAIN}
)


class Intake:
    """Routes what the record's outbox has not routed yet."""

    def __init__(self, engine: Engine, config: AlertConfig) -> None:
        self._engine = engine
        self._config = config
        self._router = Router(config)

    def take(self, now: datetime | None = None) -> int:
        """Route a portion of the waiting states and return how many there were."""
        if not unrouted(self._engine):
            return 0
        now = now or datetime.now(UTC)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            _wait_for_turn(connection)
            states = _next_states(connection)
            if states:
                past = _Past(connection, {alert.alert_id for alert in states}, now)
                for alert in states:
                    self._route(past, alert, now)
                past.write(connection, now)
                _mark(connection, states, now)
        return len(states)

    def skip(self, now: datetime | None = None) -> int:
        """Take everything that waits for done, without telling anybody; returns how many states there were."""
        condition = alert_outbox.c.routed_at.is_(None)
        done = update(alert_outbox).where(condition).values(routed_at=now or datetime.now(UTC))
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            return connection.execute(done).rowcount

    def _route(self, past: _Past, alert: Alert, now: datetime) -> None:
        for leg in self._router.legs(alert, now):
            rows = past.of(alert.alert_id, leg.channel, leg.recipient)
            if leg.updates is Updates.EVERY:
                past.add(_row(alert, leg, now, now))
            elif alert.state is AlertState.CLOSED:
                self._close(past, rows, alert, leg, now)
            else:
                self._tell(past, rows, alert, leg, now)

    def _close(self, past: _Past, rows: list[dict[str, Any]], alert: Alert, leg: Leg, now: datetime) -> None:
        """Who was told of an alert is told of its end, but for channels that only tell when it gets worse."""
        for row in _waiting(rows):
            past.end(row, DeliveryState.SUPPRESSED, "closed before it was sent")
        if _told(rows) and leg.updates is Updates.NEWEST:
            past.add(_row(alert, leg, now, now))

    def _tell(self, past: _Past, rows: list[dict[str, Any]], alert: Alert, leg: Leg, now: datetime) -> None:
        told = _told(rows)
        rises = alert.reopened or alert.severity.rank > max(
            (row["severity_rank"] for row in told), default=-1
        )
        if leg.updates is Updates.RISE and not rises:
            return
        for row in _waiting(rows):
            past.end(row, DeliveryState.SUPERSEDED, f"version {alert.version} took its place")
        at = now
        if told and not rises:
            last = max(row["sent_at"] or row["updated_at"] for row in told)
            gap = self._config.channels[leg.channel].update_gap
            at = max(now, last + gap, past.snoozed.get(alert.alert_id, now))
        past.add(_row(alert, leg, now, at))


def unrouted(engine: Engine) -> int:
    """How many states of alerts are not routed yet."""
    query = select(func.count()).where(alert_outbox.c.routed_at.is_(None))
    with store_errors("read"), engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


class _Past:
    """The deliveries of some alerts, as they are and as they are to be."""

    def __init__(self, connection: Connection, alert_ids: Collection[str], now: datetime) -> None:
        self.snoozed = snoozed(connection, alert_ids, now)
        """Until when, by alert id."""
        names = ("key", "alert_id", "channel", "recipient", "state", "severity_rank", "sent_at", "updated_at")
        self._rows: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        self._new: list[dict[str, Any]] = []
        self._ended: list[dict[str, Any]] = []
        for some in portions(alert_ids):
            query = select(*(deliveries.c[name] for name in names)).where(deliveries.c.alert_id.in_(some))
            for row in connection.execute(query):
                self._rows[row.alert_id, row.channel, row.recipient].append(dict(row._mapping))

    def of(self, alert_id: str, channel: str, recipient: str) -> list[dict[str, Any]]:
        """Deliveries of one alert to one recipient."""
        return self._rows[alert_id, channel, recipient]

    def add(self, row: dict[str, Any]) -> None:
        """One more."""
        self._new.append(row)
        self.of(row["alert_id"], row["channel"], row["recipient"]).append(row)

    def end(self, row: dict[str, Any], state: DeliveryState, why: str) -> None:
        """One that is not to be sent any more."""
        row |= {"state": state.value, "error": why}
        if not any(row is new for new in self._new):
            self._ended.append(row)

    def write(self, connection: Connection, now: datetime) -> None:
        """Put it into the record; what a dispatcher has claimed meanwhile stays as it is."""
        for some in portions(self._new):
            insert_new(connection, deliveries, some)
        if self._ended:
            still = (deliveries.c.key == bindparam("of_key")) & (
                deliveries.c.state == DeliveryState.WAITING.value
            )
            values = {"state": bindparam("to_state"), "error": bindparam("why"), "updated_at": now}
            connection.execute(
                update(deliveries).where(still).values(values),
                [
                    {"of_key": row["key"], "to_state": row["state"], "why": row["error"]}
                    for row in self._ended
                ],
            )


def _row(alert: Alert, leg: Leg, now: datetime, at: datetime) -> dict[str, Any]:
    until = leg.quiet_until(at, alert.severity)
    return {
        "key": Delivery.key_for(alert.idempotency_key, leg.channel, leg.recipient),
        "alert_id": alert.alert_id,
        "idempotency_key": alert.idempotency_key,
        "version": alert.version,
        "severity": alert.severity.value,
        "severity_rank": alert.severity.rank,
        "channel": leg.channel,
        "recipient": leg.recipient,
        "route": leg.route,
        "state": DeliveryState.WAITING.value,
        "attempts": 0,
        "next_try_at": until or at,
        "digest": until and f"quiet until {until:%Y-%m-%dT%H:%MZ}",
        "error": None,
        "created_at": now,
        "updated_at": now,
        "sent_at": None,
    }


def _waiting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["state"] == DeliveryState.WAITING.value]


def _told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if DeliveryState(row["state"]) in TOLD]


def _wait_for_turn(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": INTAKE_LOCK})


def _next_states(connection: Connection) -> list[Alert]:
    outbox = alert_outbox.c
    query = select(outbox.body).where(outbox.routed_at.is_(None)).order_by(outbox.alert_id, outbox.version)
    bodies = connection.execute(query.limit(PORTION)).scalars()
    return [msgspec.json.decode(body, type=Alert) for body in bodies]


def _mark(connection: Connection, states: list[Alert], now: datetime) -> None:
    for some in portions(alert.idempotency_key for alert in states):
        routed = update(alert_outbox).where(alert_outbox.c.idempotency_key.in_(some))
        connection.execute(routed.values(routed_at=now))
