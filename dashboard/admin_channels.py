"""Administration: the channels by which alerts leave, how they stand, and a real test message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Input, Output, ctx, html, no_update

from dashboard.desk import Desk, notice, trouble
from dashboard.plain_table import plain_table
from dashboard.words import count, moment
from fraud.access import Permission
from fraud.alert_config import AlertConfig, load_config
from fraud.alerts import send_test
from fraud.audit_trail import append
from fraud.database import store_errors, writing
from fraud.deliveries import Deliveries
from fraud.errors import DeliveryFailed, InputError, RingfenceError
from fraud.settings import Settings

__all__ = ["channels_tab", "register_channels"]

RECENT = 20


def channels_tab() -> Any:
    """The channels, and what left by them last."""
    return html.Div(
        [
            html.Div(id="admin-channel-said", role="status"),
            html.Div(id="admin-channels"),
            dmc.Button("Try failed messages again", id="admin-retry", variant="default", mt="md"),
            dmc.Title("Latest messages", order=2, size="h5", mt="lg", mb="xs"),
            html.Div(id="admin-messages"),
        ]
    )


def register_channels(desk: Desk, settings: Settings) -> None:
    """The callbacks of the tab."""
    deliveries = Deliveries(desk.record.engine)

    @desk.guard.callback(
        Permission.MANAGE_CHANNELS,
        Output("admin-channel-said", "children"),
        Output("admin-channels", "children"),
        Output("admin-messages", "children"),
        Input({"type": "admin-test", "channel": ALL}, "n_clicks"),
        Input("admin-retry", "n_clicks"),
    )
    def show_channels(clicks: Any, _: int | None) -> tuple[Any, Any, Any]:
        asked = ctx.triggered_id
        said: Any = None
        try:
            config = load_config(settings)
            if isinstance(asked, dict) and any(clicks or []):
                said = _test(desk, settings, config, str(asked["channel"]))
            elif asked == "admin-retry":
                said = _retry(desk, deliveries)
            return said, _channel_table(config, deliveries), _message_table(deliveries)
        except RingfenceError as error:
            return trouble(error), no_update, no_update


def _test(desk: Desk, settings: Settings, config: AlertConfig, channel: str) -> Any:
    """Send a real message and say how it went; that it was tried is audited either way."""
    try:
        receipts = send_test(settings, config, channel)
        outcome = f"taken, {count(len(receipts), 'message', 'messages')}"
        said = notice(
            "Sent", f"{channel} took {count(len(receipts), 'test message', 'test messages')}.", colour="green"
        )
    except (DeliveryFailed, InputError) as error:
        outcome = str(error)
        said = notice("Not sent", f"{error}.", colour="red")
    _note(desk, "test_channel", f"channel {channel}", {"outcome": outcome})
    return said


def _retry(desk: Desk, deliveries: Deliveries) -> Any:
    number = deliveries.retry()
    _note(desk, "retry_deliveries", "channels", {"deliveries": number})
    return notice("Done", f"{count(number, 'message is', 'messages are')} in turn again.", colour="green")


def _note(desk: Desk, act: str, subject: str, detail: dict[str, Any]) -> None:
    with store_errors("write"), desk.record.engine.connect() as connection, writing(connection):
        append(connection, desk.guard.person(), act, subject, detail)


def _channel_table(config: AlertConfig, deliveries: Deliveries) -> Any:
    standing = deliveries.standing(datetime.now(UTC))
    rows = []
    for name, channel in config.channels.items():
        waiting, failed, late = standing.get(name, (0, 0, 0.0))
        state = "▲ Failing" if failed else "◆ Behind" if late > 60 else "● In order"
        routes = [route.name for route in config.routes if name in route.channels]
        rows.append(
            [
                html.Span(name, className="id"),
                channel.kind,
                state,
                f"{waiting:,}",
                f"{failed:,}",
                ", ".join(routes) or "no route leads here",
                dmc.Button(
                    "Send test",
                    id={"type": "admin-test", "channel": name},
                    size="compact-sm",
                    variant="default",
                    **{"aria-label": f"Send a test message by {name}"},
                ),
            ]
        )
    return plain_table("Channels", ("Channel", "Kind", "State", "Waiting", "Failed", "Routes", ""), rows)


def _message_table(deliveries: Deliveries) -> Any:
    newest = deliveries.newest(limit=RECENT)
    if not newest:
        return notice("No messages yet", "Alerts that leave by `python -m fraud alerts run` show up here.")
    rows = [
        [
            moment(one.updated_at),
            html.Span(one.channel, className="id"),
            one.recipient or "–",
            one.state.value.capitalize(),
            f"{one.attempts}",
            one.error or "–",
        ]
        for one in newest
    ]
    return plain_table(
        "Latest messages", ("Changed, UTC", "Channel", "To", "State", "Tries", "Trouble"), rows
    )
