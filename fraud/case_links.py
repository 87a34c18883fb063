"""Which case an alert belongs to, for the links of messages."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, func, select

from fraud.case import case_id
from fraud.case_tables import cases
from fraud.database import portions, store_errors

__all__ = ["case_ids"]


def case_ids(engine: Engine, alert_ids: Iterable[str]) -> dict[str, str]:
    """The newest case of each alert, of those that have one."""
    found: dict[str, str] = {}
    newest = select(cases.c.alert_id, func.max(cases.c.number).label("number")).group_by(cases.c.alert_id)
    with store_errors("read"), engine.connect() as connection:
        for some in portions(alert_ids):
            rows = connection.execute(newest.where(cases.c.alert_id.in_(some)))
            found.update((row.alert_id, case_id(row.number)) for row in rows)
    return found
