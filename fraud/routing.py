"""Which channels and contacts a state of an alert is for."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import msgspec

from fraud.alert import Alert, Severity
from fraud.alert_config import AlertConfig, QuietConfig, RouteConfig
from fraud.channel_config import AppriseConfig, Updates
from fraud.quiet_hours import Hours, end_of_quiet

__all__ = ["Leg", "Router"]


class Leg(msgspec.Struct, frozen=True):
    """One way of an alert to one recipient; ``quiet`` are the hours in which it waits, and below which severity."""

    route: str
    channel: str
    recipient: str
    updates: Updates
    quiet: tuple[tuple[Hours, Severity], ...] = ()

    def quiet_until(self, moment: datetime, severity: Severity) -> datetime | None:
        """When the quiet hours end that hold such an alert back, or None where it may go."""
        return end_of_quiet(moment, [hours for hours, below in self.quiet if severity.rank < below.rank])


class Router:
    """Reads the routes of the alerts file from top to bottom."""

    def __init__(self, config: AlertConfig) -> None:
        self._config = config

    def legs(self, alert: Alert, now: datetime) -> list[Leg]:
        """Where the alert goes at this hour; of several routes to one channel and recipient the first counts."""
        found: dict[tuple[str, str], Leg] = {}
        for route in self._config.routes:
            if not self.takes(route, alert, now):
                continue
            for leg in self._legs_of(route):
                found.setdefault((leg.channel, leg.recipient), leg)
            if route.last:
                break
        return list(found.values())

    def takes(self, route: RouteConfig, alert: Alert, now: datetime) -> bool:
        """Whether every condition of a route holds."""
        hours = self._config.hours_of(route)
        return (
            alert.severity.rank >= route.min_severity.rank
            and alert.money >= route.min_money
            and alert.subject in route.subjects
            and any(fnmatchcase(alert.kind, pattern) for pattern in route.kinds)
            and any(fnmatchcase(alert.subject_id, pattern) for pattern in route.subject_ids)
            and (hours is None or hours.end(now) is not None)
        )

    def _legs_of(self, route: RouteConfig) -> list[Leg]:
        legs = []
        for name in route.channels:
            channel = self._config.channels[name]
            updates = route.updates or channel.updates
            # Machines do not sleep: the quiet hours of the house are for channels that people look at.
            by_people = channel.address is not None or isinstance(channel, AppriseConfig)
            quiets = [route.quiet, self._config.quiet if by_people else None]
            if channel.address is None:
                legs.append(Leg(route.name, name, "", updates, self._quiet(quiets)))
                continue
            for contact in self._config.reached(route, channel.address):
                own = self._config.contacts[contact].quiet
                legs.append(Leg(route.name, name, contact, updates, self._quiet([*quiets, own])))
        return legs

    def _quiet(self, quiets: list[QuietConfig | None]) -> tuple[tuple[Hours, Severity], ...]:
        return tuple(
            (Hours.parse(one.hours, ZoneInfo(one.time_zone or self._config.time_zone), one.days), one.below)
            for one in quiets
            if one is not None
        )
