"""What providers tell of a message after it was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, literal, update

from fraud.database import store_errors, writing
from fraud.delivery import DeliveryState
from fraud.delivery_tables import deliveries as table
from fraud.record_tables import Instant

__all__ = ["settle"]

EARLIER = {
    DeliveryState.SENT: (DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.UNCERTAIN),
    DeliveryState.DELIVERED: (
        DeliveryState.WAITING,
        DeliveryState.SENDING,
        DeliveryState.UNCERTAIN,
        DeliveryState.SENT,
        DeliveryState.FAILED,
    ),
    DeliveryState.FAILED: (
        DeliveryState.WAITING,
        DeliveryState.SENDING,
        DeliveryState.UNCERTAIN,
        DeliveryState.SENT,
    ),
}
"""From which states a receipt may lead on: they come in any order and more than once."""


def settle(
    engine: Engine,
    message_id: str,
    state: DeliveryState,
    now: datetime,
    *,
    provider_id: str | None,
    error: str | None = None,
) -> int:
    """Note what became of a message, sent, delivered or failed; returns how many deliveries that moved on.

    A delivery that was claimed, and whose dispatcher died before it could say that the message was sent, is settled by
    this as well.
    """
    moment = literal(now, Instant)
    values: dict[str, Any] = {
        "state": state.value,
        "error": error,
        "updated_at": now,
        "claimed_by": None,
        "provider_id": func.coalesce(table.c.provider_id, provider_id),
    }
    if state is not DeliveryState.FAILED:
        values["sent_at"] = func.coalesce(table.c.sent_at, moment)
    if state is DeliveryState.DELIVERED:
        values["delivered_at"] = func.coalesce(table.c.delivered_at, moment)
    moved = update(table).where(
        table.c.message_id == message_id, table.c.state.in_([one.value for one in EARLIER[state]])
    )
    with store_errors("write"), engine.connect() as connection, writing(connection):
        return connection.execute(moved.values(**values)).rowcount
