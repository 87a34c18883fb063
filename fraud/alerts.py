"""The dispatcher: routes alerts out of the record and sends them, each channel in a thread of its own.

It keeps nothing in memory that matters: what is to be sent, what was, and what may have been lies in the record. Any
number of dispatchers may run on one record.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from fraud.alert_config import AlertConfig
from fraud.alert_intake import Intake
from fraud.alert_message import Composer
from fraud.alert_view import View
from fraud.case_links import case_ids
from fraud.channels.channel import Channel, Receipt
from fraud.channels.opening import open_channel, open_channels
from fraud.deliveries import Deliveries
from fraud.delivery_claims import Claims
from fraud.delivery_lane import Lane
from fraud.errors import DeliveryRefused, SettingsError, StoreUnavailable
from fraud.metrics import AlertMetrics
from fraud.settings import Settings

__all__ = ["Dispatcher", "composer_of", "send_test"]

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
GAUGE_SECONDS = 10.0
FORGET_SECONDS = 3_600.0


class Dispatcher:
    """Routes and sends until it is told to stop, or once."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        config: AlertConfig,
        *,
        channels: Mapping[str, Channel] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.metrics = AlertMetrics()
        self._now = now
        self._intake = Intake(engine, config)
        self._deliveries = Deliveries(engine)
        self._channels = open_channels(settings, config) if channels is None else dict(channels)
        self._fault: Exception | None = None
        self._retention = settings.alerts.retention_days
        owner = secrets.token_hex(8)
        composer = composer_of(settings, config)
        self._lanes = [
            Lane(
                name,
                channel,
                Claims(
                    engine,
                    name,
                    owner,
                    lease=config.delivery.lease,
                    updates=config.channels[name].updates,
                    rates=config.channels[name].rates,
                ),
                composer,
                config,
                self.metrics,
                case_ids=partial(case_ids, engine),
            )
            for name, channel in self._channels.items()
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels.values():
            channel.close()

    def fault(self) -> str | None:
        """Why it is not well, or None while it is."""
        return None if self._fault is None else f"{type(self._fault).__name__}: {self._fault}"

    def skip_backlog(self) -> int:
        """Take what was raised until now for told; returns how many states of alerts there were."""
        return self._intake.skip(self._now())

    def once(self) -> int:
        """Route what waits and send what is due; returns how many messages were tried."""
        self._route()
        tried = 0
        for lane in self._lanes:
            while lane.step(self._now()):
                tried += 1
        self._gauge()
        self._forget()
        return tried

    def run(self, stop: threading.Event) -> None:
        """Go on until ``stop`` is set; what is being sent then is finished. Raises what ended a part of it."""
        threads = [
            threading.Thread(target=self._guarded, args=(self._keep_sending, lane, stop), name=lane.name)
            for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        try:
            self._guarded(self._keep_routing, None, stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if self._fault is not None:
            raise self._fault

    def _keep_routing(self, _: Lane | None, stop: threading.Event) -> None:
        patiently = _patience(stop)
        gauge_at = forget_at = 0.0
        while not stop.is_set():
            routed = patiently(self._route)
            if time.monotonic() >= gauge_at:
                patiently(self._gauge)
                gauge_at = time.monotonic() + GAUGE_SECONDS
            if time.monotonic() >= forget_at:
                patiently(self._forget)
                forget_at = time.monotonic() + FORGET_SECONDS
            if not routed:
                stop.wait(POLL_SECONDS)

    def _keep_sending(self, lane: Lane | None, stop: threading.Event) -> None:
        patiently = _patience(stop)
        while lane is not None and not stop.is_set():
            if not patiently(lane.step, self._now()):
                stop.wait(POLL_SECONDS)

    def _guarded(
        self, part: Callable[[Lane | None, threading.Event], None], lane: Lane | None, stop: threading.Event
    ) -> None:
        try:
            part(lane, stop)
        except Exception as error:
            # A part that ended must not leave the rest running as if all were well.
            log.exception("alerts: %s ended", lane.name if lane else "routing")
            self._fault = error
            stop.set()

    def _route(self) -> int:
        routed = 0
        while portion := self._intake.take(self._now()):
            routed += portion
        self.metrics.routed.inc(routed)
        return routed

    def _forget(self) -> None:
        if self._retention is not None:
            self._deliveries.forget(self._now() - timedelta(days=self._retention))

    def _gauge(self) -> None:
        standing = self._deliveries.standing(self._now())
        for lane in self._lanes:
            waiting, failed, late = standing.get(lane.name, (0, 0, 0.0))
            self.metrics.waiting.labels(lane.name).set(waiting)
            self.metrics.dead.labels(lane.name).set(failed)
            self.metrics.late_seconds.labels(lane.name).set(late)


def composer_of(settings: Settings, config: AlertConfig) -> Composer:
    """What makes the messages, for the house of these settings."""
    view = View(
        base_url=settings.alerts.base_url, currency=settings.currency, zone=ZoneInfo(config.time_zone)
    )
    return Composer(view, config.templates)


def send_test(
    settings: Settings, config: AlertConfig, channel: str, contact: str | None = None
) -> dict[str, Receipt]:
    """Send a real test message by a channel and return its receipts by contact.

    To one contact, or to all that any route reaches by the channel. Raises SettingsError for a channel or contact that
    there is not, DeliveryFailed where the channel does not take it.
    """
    if channel not in config.channels:
        raise SettingsError(f"channel: no {channel!r}; the alerts file has {', '.join(config.channels)}")
    one = config.channels[channel]
    recipients = {"": ""}
    if one.address is not None:
        routes = [route for route in config.routes if channel in route.channels]
        named = {name for route in routes for name in config.reached(route, one.address)}
        names = [contact] if contact else [name for name in config.contacts if name in named]
        recipients = {name: _address(config, name, one.address) for name in names}
    composer = composer_of(settings, config)
    opened = open_channel(settings, channel, one)
    try:
        return {
            name: opened.send(composer.test(f"msg_test_{secrets.token_hex(8)}", channel), address)
            for name, address in recipients.items()
        }
    finally:
        opened.close()


def _address(config: AlertConfig, name: str, kind: str) -> str:
    if name not in config.contacts:
        raise SettingsError(
            f"contact: no {name!r}; the alerts file has {', '.join(config.contacts) or 'none'}"
        )
    address: str | None = getattr(config.contacts[name], kind)
    if address is None:
        raise DeliveryRefused(f"contact {name}: has no {kind} in the alerts file")
    return address


def _patience(stop: threading.Event) -> Retrying:
    """Waits for the record for as long as it takes, and gives up at once when the dispatcher is to stop."""
    return Retrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_random_exponential(multiplier=0.5, max=30),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        reraise=True,
    )
