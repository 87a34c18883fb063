"""What became of the alerts' messages: reads for the case page and the command, and what people do to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, delete, func, select, update

from fraud.alert import AlertState
from fraud.database import store_errors, writing
from fraud.delivery import Delivery, DeliveryState
from fraud.delivery_tables import deliveries as table
from fraud.record_tables import alerts

__all__ = ["Deliveries"]

RETRIED = (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
OVER = (
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
    DeliveryState.SUPPRESSED,
    DeliveryState.SUPERSEDED,
)
"""States after which nothing is done with a delivery any more."""


class Deliveries:
    """Access to the deliveries of a record; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def deliveries_of(self, alert_id: str) -> list[Delivery]:
        """All deliveries of an alert, oldest first."""
        order = (table.c.created_at, table.c.version, table.c.key)
        return self._read(table.c.alert_id == alert_id, order)

    def newest(self, state: DeliveryState | None = None, limit: int = 50) -> list[Delivery]:
        """The deliveries that changed last, in one state or in all, the last one first."""
        condition = table.c.state == state.value if state else None
        return self._read(condition, (table.c.updated_at.desc(), table.c.key), limit)

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """How many deliveries there are, by channel and state."""
        query = select(table.c.channel, table.c.state, func.count().label("number"))
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.group_by(table.c.channel, table.c.state)).all()
        return {(row.channel, DeliveryState(row.state)): row.number for row in rows}

    def standing(self, now: datetime) -> dict[str, tuple[int, int, float]]:
        """By channel: deliveries that wait or are under way, those given up, and for how many seconds the first of
        those that wait has been due."""
        waiting = table.c.state.in_((DeliveryState.WAITING.value, DeliveryState.SENDING.value))
        dead = table.c.state.in_([state.value for state in RETRIED])
        query = select(
            table.c.channel,
            func.sum(case((waiting, 1), else_=0)).label("waiting"),
            func.sum(case((dead, 1), else_=0)).label("dead"),
            func.min(case((waiting, table.c.next_try_at))).label("due"),
        )
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query.where(waiting | dead).group_by(table.c.channel)).all()
        return {
            row.channel: (
                int(row.waiting),
                int(row.dead),
                max((now - row.due).total_seconds(), 0.0) if row.due else 0.0,
            )
            for row in rows
        }

    def retry(self, *, channel: str | None = None, alert_id: str | None = None) -> int:
        """Put failed and uncertain deliveries in their turn again, all or some; returns how many there were."""
        condition: ColumnElement[bool] = table.c.state.in_([state.value for state in RETRIED])
        if channel is not None:
            condition &= table.c.channel == channel
        if alert_id is not None:
            condition &= table.c.alert_id == alert_id
        now = datetime.now(UTC)
        again = update(table).where(condition)
        again = again.values(
            state=DeliveryState.WAITING.value, attempts=0, next_try_at=now, updated_at=now, claimed_by=None
        )
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            return connection.execute(again).rowcount

    def forget(self, before: datetime) -> int:
        """Remove deliveries of closed alerts to which nothing has happened since; returns how many there were.

        Those that wait, are under way, or were given up and may be sent again stay. A state of an alert is routed once
        whether its deliveries are there or not, so nothing is sent anew.
        """
        closed = select(alerts.c.alert_id).where(alerts.c.state == AlertState.CLOSED.value)
        over = table.c.state.in_([state.value for state in OVER]) & (table.c.updated_at < before)
        with store_errors("write"), self._engine.connect() as connection, writing(connection):
            return connection.execute(delete(table).where(over, table.c.alert_id.in_(closed))).rowcount

    def _read(
        self, condition: ColumnElement[bool] | None, order: Sequence[Any], limit: int | None = None
    ) -> list[Delivery]:
        columns = [table.c[name] for name in Delivery.__struct_fields__]
        query = select(*columns).order_by(*order).limit(limit)
        if condition is not None:
            query = query.where(condition)
        with store_errors("read"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Delivery(**{**row._mapping, "state": DeliveryState(row.state)}) for row in rows]
