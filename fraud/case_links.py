"""What messages need to know of the cases of alerts: their names for links, and whether they are snoozed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from fraud.case import case_id
from fraud.case_tables import cases
from fraud.database import portions, store_errors

__all__ = ["case_ids", "snoozed"]


def case_ids(engine: Engine, alert_ids: Iterable[str]) -> dict[str, str]:
    """The newest case of each alert, of those that have one."""
    found: dict[str, str] = {}
    newest = select(cases.c.alert_id, func.max(cases.c.number).label("number")).group_by(cases.c.alert_id)
    with store_errors("read"), engine.connect() as connection:
        for some in portions(alert_ids):
            rows = connection.execute(newest.where(cases.c.alert_id.in_(some)))
            found.update((row.alert_id, case_id(row.number)) for row in rows)
    return found


def snoozed(connection: Connection, alert_ids: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Until when the case of an alert is snoozed, of those whose case is."""
    found: dict[str, datetime] = {}
    until = select(cases.c.alert_id, func.max(cases.c.snoozed_until).label("until")).group_by(
        cases.c.alert_id
    )
    for some in portions(alert_ids):
        asked = until.where(cases.c.alert_id.in_(some), cases.c.snoozed_until > now)
        found.update((row.alert_id, row.until) for row in connection.execute(asked))
    return found
