"""Administration: how the parts of the house are, each with a sign beside its colour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
import msgspec
from dash import Input, Output, dcc, html

from dashboard.desk import Desk, trouble
from dashboard.plain_table import plain_table
from dashboard.words import count, moment
from fraud.access import Permission
from fraud.deliveries import Deliveries
from fraud.errors import RingfenceError, StoreError
from fraud.record_standing import RecordStanding, record_standing
from fraud.schema import HEAD

__all__ = ["health_of_parts", "health_tab", "register_health"]

REFRESH_MILLISECONDS = 15_000
LATE_SECONDS = 120.0
SIGNS = {
    "in order": ("●", "teal.9"),
    "late": ("◆", "orange.9"),
    "down": ("▲", "red.9"),
    "off": ("○", "gray.7"),
}


class PartHealth(msgspec.Struct, frozen=True):
    """One part: ``state`` is a key of ``SIGNS``."""

    part: str
    state: str
    words: str


def health_tab() -> Any:
    """The parts, asked every quarter of a minute."""
    return html.Div(
        [
            dcc.Interval(id="admin-health-clock", interval=REFRESH_MILLISECONDS),
            html.Div(id="admin-health", role="status"),
        ]
    )


def register_health(desk: Desk) -> None:
    """The callback of the tab."""

    @desk.guard.callback(
        Permission.SEE_AUDIT, Output("admin-health", "children"), Input("admin-health-clock", "n_intervals")
    )
    def show_health(_: int | None) -> Any:
        try:
            parts = health_of_parts(desk, datetime.now(UTC))
        except RingfenceError as error:
            return trouble(error)
        rows = [[one.part, _badge(one.state), one.words] for one in parts]
        return plain_table("Health of parts", ("Part", "State", "Details"), rows, narrowest=480)


def health_of_parts(desk: Desk, now: datetime) -> list[PartHealth]:
    """How every part is; raises StoreError where the record itself cannot be read."""
    standing = record_standing(desk.record.engine)
    return [
        PartHealth("Record", "in order", f"{desk.record.engine.dialect.name}, schema {HEAD}"),
        _stream(standing),
        _graph(desk, standing),
        _model(desk),
        *_channels(desk, now),
        _labels(standing, now),
    ]


def _stream(standing: RecordStanding) -> PartHealth:
    if standing.newest_event is None:
        return PartHealth("Stream", "off", "Nothing has been decided yet")
    letters = count(standing.dead_letters, "event was", "events were")
    return PartHealth(
        "Stream",
        "in order",
        f"Decided up to {moment(standing.newest_event)} UTC, event time; {letters} refused",
    )


def _graph(desk: Desk, standing: RecordStanding) -> PartHealth:
    if desk.graph is None:
        return PartHealth("Graph store", "off", "Not running; graphs are drawn from the record")
    try:
        behind = {
            stream: newest - desk.graph.position(stream) for stream, newest in standing.newest_batch.items()
        }
    except StoreError as error:
        return PartHealth("Graph store", "down", f"{error}")
    worst = max(behind.values(), default=0)
    if worst > 0:
        return PartHealth("Graph store", "late", f"{count(worst, 'batch', 'batches')} behind the record")
    return PartHealth("Graph store", "in order", "Holds all that the record holds")


def _model(desk: Desk) -> PartHealth:
    if desk.model is None or not desk.model.is_dir():
        return PartHealth("Model", "off", "There is no artefact where the settings look for one")
    at = datetime.fromtimestamp(desk.model.stat().st_mtime, UTC)
    return PartHealth("Model", "in order", f"Artefact of {moment(at)} UTC")


def _channels(desk: Desk, now: datetime) -> list[PartHealth]:
    standing = Deliveries(desk.record.engine).standing(now)
    if not standing:
        return [PartHealth("Alert delivery", "in order", "No message waits")]
    parts = []
    for channel, (waiting, failed, late) in sorted(standing.items()):
        state = "down" if failed else "late" if late > LATE_SECONDS else "in order"
        words = f"{count(waiting, 'message waits', 'messages wait')}, {failed:,} given up"
        parts.append(PartHealth(f"Alert delivery, {channel}", state, words))
    return parts


def _labels(standing: RecordStanding, now: datetime) -> PartHealth:
    if standing.oldest_label is None:
        return PartHealth("Labels of cases", "in order", "All have left for the stream")
    late = (now - standing.oldest_label).total_seconds() > LATE_SECONDS
    words = f"{count(standing.labels_waiting, 'label waits', 'labels wait')} since {moment(standing.oldest_label)} UTC"
    return PartHealth("Labels of cases", "late" if late else "in order", words)


def _badge(state: str) -> Any:
    sign, colour = SIGNS[state]
    return dmc.Badge(f"{sign} {state}", color=colour, tt="none")
