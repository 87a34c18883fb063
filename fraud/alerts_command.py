"""``python -m fraud alerts``: the service that sends alerts out, and what a person asks of it."""

from __future__ import annotations

import getpass
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from fraud.access import Person, Role
from fraud.alert_config import AlertConfig, RouteConfig, load_config
from fraud.alert_intake import unrouted
from fraud.alerts import Dispatcher, send_test
from fraud.audit_trail import append
from fraud.database import store_errors, writing
from fraud.deliveries import Deliveries
from fraud.delivery import DeliveryState
from fraud.errors import DeliveryFailed, InputError
from fraud.metrics import serving
from fraud.record import Record
from fraud.routing import Router
from fraud.settings import Settings

__all__ = ["Action", "command"]


class Action(StrEnum):
    """What to do."""

    RUN = "run"
    TEST = "test"
    STATUS = "status"
    ROUTES = "routes"
    RETRY = "retry"


def command(
    action: Annotated[
        Action,
        typer.Argument(
            help="Send alerts until stopped; send a real test message; say what was sent, waits or failed; show the "
            "channels and routes; put what failed in its turn again."
        ),
    ],
    channel: Annotated[
        str | None, typer.Option(help="test: by which channel; retry: only of this one.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="test: only to this contact, else to all that routes reach.")
    ] = None,
    alert: Annotated[
        str | None,
        typer.Option(help="retry, status: only of this alert; routes: where this alert would go now."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="run: route and send what is due, then end.")] = False,
    skip_backlog: Annotated[
        bool, typer.Option("--skip-backlog", help="run: tell nobody of what was raised before this start.")
    ] = False,
) -> None:
    """Alerts to people, by the channels and routes of the file that RINGFENCE_ALERTS__FILE names.

    Without a file each alert goes to the folder of RINGFENCE_ALERT_OUTBOX. `run` goes on until it gets SIGTERM or
    Ctrl-C, and finishes what it is sending. Several may run at once. A message is never lost to a crash; whether it may
    come twice depends on the channel (docs/alerts.md).
    """
    _refuse_stray(action, channel=channel, contact=contact, alert=alert, once=once, skip_backlog=skip_backlog)
    settings = Settings.load()
    config = load_config(settings)
    record = Record.open(settings.database_url.get_secret_value())
    try:
        match action:
            case Action.RUN:
                _run(record, settings, config, once, skip_backlog)
            case Action.TEST:
                _test(record, settings, config, channel, contact)
            case Action.STATUS:
                _status(record, alert)
            case Action.ROUTES:
                _routes(record, config, alert)
            case Action.RETRY:
                _retry(record, channel, alert)
    finally:
        record.close()


TAKES = {
    "channel": (Action.TEST, Action.RETRY),
    "contact": (Action.TEST,),
    "alert": (Action.RETRY, Action.STATUS, Action.ROUTES),
    "once": (Action.RUN,),
    "skip_backlog": (Action.RUN,),
}


def _refuse_stray(action: Action, **given: object) -> None:
    for name, value in given.items():
        if value and action not in TAKES[name]:
            words = " or ".join(one.value for one in TAKES[name])
            raise InputError(f"--{name.replace('_', '-')}: only with {words}")


def _run(record: Record, settings: Settings, config: AlertConfig, once: bool, skip_backlog: bool) -> None:
    with Dispatcher(record.engine, settings, config) as dispatcher:
        if skip_backlog:
            print(f"alerts: skipped {dispatcher.skip_backlog():,} states of alerts")
        if once:
            print(f"alerts: {dispatcher.once():,} messages tried")
            return
        with (
            _stopping() as stop,
            serving(settings.stream, dispatcher.metrics.registry, failed=dispatcher.fault),
        ):
            dispatcher.run(stop)


def _test(
    record: Record, settings: Settings, config: AlertConfig, channel: str | None, contact: str | None
) -> None:
    if channel is None:
        raise InputError(f"--channel: name one of {', '.join(config.channels)}")
    about = {"contact": contact}
    try:
        receipts = send_test(settings, config, channel, contact)
    except DeliveryFailed as error:
        _audit(record, "test alert channel", f"channel {channel}", {**about, "outcome": str(error)})
        raise
    _audit(record, "test alert channel", f"channel {channel}", {**about, "outcome": "taken"})
    for name, receipt in receipts.items():
        to = f" for {name}" if name else ""
        print(
            f"{channel}: took the test message{to}{f' ({receipt.provider_id})' if receipt.provider_id else ''}"
        )


def _status(record: Record, alert: str | None) -> None:
    deliveries = Deliveries(record.engine)
    if alert is not None:
        rows = [
            [
                f"{one.version}",
                one.channel,
                one.recipient or "–",
                one.state.value,
                _at(one.sent_at),
                one.error or "",
            ]
            for one in deliveries.deliveries_of(alert)
        ]
        _print(["version", "channel", "contact", "state", "sent", "remark"], rows)
        return
    counts = deliveries.counts()
    channels = sorted({channel for channel, _ in counts})
    states = list(DeliveryState)
    _print(
        ["channel", *(state.value for state in states)],
        [[one, *(f"{counts.get((one, state), 0):,}" for state in states)] for one in channels],
    )
    print(f"states of alerts not routed yet: {unrouted(record.engine):,}")
    failed = [*deliveries.newest(DeliveryState.FAILED, 20), *deliveries.newest(DeliveryState.UNCERTAIN, 20)]
    if failed:
        _print(
            ["alert", "channel", "contact", "state", "tries", "last", "reason"],
            [
                [
                    one.alert_id,
                    one.channel,
                    one.recipient or "–",
                    one.state.value,
                    f"{one.attempts}",
                    _at(one.updated_at),
                    one.error or "",
                ]
                for one in failed
            ],
        )


def _routes(record: Record, config: AlertConfig, alert_id: str | None) -> None:
    if alert_id is not None:
        alert = record.alert(alert_id)
        if alert is None:
            raise InputError(f"--alert: {alert_id!r} is not on record")
        legs = Router(config).legs(alert, datetime.now(UTC))
        _print(
            ["route", "channel", "contact", "updates"],
            [[leg.route, leg.channel, leg.recipient or "–", leg.updates.value] for leg in legs],
        )
        return
    _print(
        ["channel", "kind", "updates", "rate", "to each", "if uncertain"],
        [
            [name, one.kind, one.updates.value, one.rate or "–", one.recipient_rate or "–", one.on_uncertain]
            for name, one in config.channels.items()
        ],
    )
    _print(
        ["route", "when", "channels", "reaches"],
        [
            [one.name, _conditions(one), ", ".join(one.channels), _reached(config, one)]
            for one in config.routes
        ],
    )


def _retry(record: Record, channel: str | None, alert: str | None) -> None:
    number = Deliveries(record.engine).retry(channel=channel, alert_id=alert)
    subject = f"alert {alert}" if alert else f"channel {channel}" if channel else "all channels"
    _audit(record, "retry deliveries", subject, {"deliveries": number})
    print(f"alerts: {number:,} deliveries are to be sent again")


def _conditions(route: RouteConfig) -> str:
    parts = [f"{route.min_severity.value} or worse"]
    parts += [
        f"{word}: {', '.join(found)}"
        for word, found in (("kind", route.kinds), ("subject", route.subject_ids))
        if found != ("*",)
    ]
    if len(route.subjects) == 1:
        parts.append(f"{route.subjects[0].value}s only")
    if route.min_money:
        parts.append(f"{route.min_money:,.0f} or more")
    if route.hours is not None:
        parts.append(f"{route.hours} {route.time_zone or ''}".strip())
    return "; ".join(parts)


def _reached(config: AlertConfig, route: RouteConfig) -> str:
    addresses = {config.channels[name].address for name in route.channels} - {None}
    names = {name for address in addresses if address for name in config.reached(route, address)}
    return ", ".join(name for name in config.contacts if name in names) or "–"


def _audit(record: Record, act: str, subject: str, detail: Mapping[str, Any]) -> None:
    with store_errors("write"), record.engine.connect() as connection, writing(connection):
        append(connection, _actor(), act, subject, detail)


def _actor() -> Person:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Person(f"command:{name}", name, Role.ADMIN)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set while the context lasts."""
    stop = threading.Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _at(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    # Reasons hold whatever a server answered; none of it is markup.
    Console(markup=False).print(table)
