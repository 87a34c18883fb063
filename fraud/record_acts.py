"""What people decide about rings, on record: a queue that the ring desk takes in by number, each act once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from fraud.database import store_errors, writing
from fraud.record_rows import NumberedAct
from fraud.record_tables import ring_acts
from fraud.ring import RingStep
from fraud.ring_act import RingAct

__all__ = ["act_row", "acts_after", "add_act"]


def add_act(engine: Engine, act: RingAct) -> int:
    """Put an act on record; returns its number. Raises StoreUnavailable when it may be tried again."""
    with store_errors("write"), engine.connect() as connection, writing(connection):
        key = connection.execute(insert(ring_acts).values(act_row(act))).inserted_primary_key
    return int(key[0]) if key is not None else 0


def act_row(act: RingAct) -> dict[str, Any]:
    """The row of an act that is made now, for whoever writes it beside other things."""
    return {
        "ring_id": act.ring_id,
        "step": act.step.value,
        "by": act.by,
        "reason": act.reason,
        "until": act.until,
        "made_at": datetime.now(UTC),
    }


def acts_after(engine: Engine, number: int) -> list[NumberedAct]:
    """Acts with higher numbers than the one given, in their order."""
    query = select(ring_acts).where(ring_acts.c.number > number).order_by(ring_acts.c.number)
    with store_errors("read"), engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        NumberedAct(row.number, RingAct(row.ring_id, RingStep(row.step), row.by, row.reason, row.until))
        for row in rows
    ]
