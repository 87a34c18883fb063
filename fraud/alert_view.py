"""What an alert looks like in a message: plain words, tokens shortened, a link to its case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from fraud.alert import Alert, AlertState, Severity, Subject

__all__ = ["AlertView", "Step", "View", "shortened"]

TOKEN = re.compile(r"\b([adi]_[a-z2-7]{4})[a-z2-7]{22}\b")
MOST_REASONS = 5

COLOURS = {
    Severity.LOW: "#1971c2",
    Severity.MEDIUM: "#b35c00",
    Severity.HIGH: "#c92a2a",
    Severity.CRITICAL: "#862e9c",
}
SIGNS = {Severity.LOW: "●", Severity.MEDIUM: "▲", Severity.HIGH: "◆", Severity.CRITICAL: "■"}


class Step(StrEnum):
    """What an alert's message says of it."""

    NEW = "new"
    UPDATE = "update"
    REOPENED = "reopened"
    CLOSED = "closed"


HEADS = {Step.NEW: "New", Step.UPDATE: "Update", Step.REOPENED: "Reopened", Step.CLOSED: "Closed"}


class AlertView(msgspec.Struct, frozen=True):
    """What templates may show of one alert; every text has its tokens shortened."""

    alert_id: str
    version: int
    step: str
    title: str
    headline: str
    kind: str
    severity: str
    sign: str
    colour: str
    score: float
    money: str
    size: str
    reasons: tuple[str, ...]
    first_seen: str
    last_seen: str
    link: str


class View:
    """Makes what messages show of alerts, for one house: its currency, time zone and address of the pages."""

    def __init__(self, *, base_url: str, currency: str, zone: ZoneInfo) -> None:
        self._base = base_url.rstrip("/")
        self._currency = currency
        self._zone = zone

    @property
    def queue_link(self) -> str:
        """Where all open alerts are."""
        return f"{self._base}/"

    def of(self, alert: Alert, *, told: bool, case_id: str | None = None) -> AlertView:
        """One alert; ``told``: the recipient was told of it before."""
        step = _step(alert, told)
        subject = shortened(alert.subject_id)
        title = f"{subject}" if alert.subject is Subject.RING else f"Account {subject}"
        return AlertView(
            alert_id=alert.alert_id,
            version=alert.version,
            step=step.value,
            title=title,
            headline=f"{HEADS[step]}: {alert.severity.value} alert, {title}",
            kind=alert.kind.replace("_", " "),
            severity=alert.severity.value,
            sign=SIGNS[alert.severity],
            colour=COLOURS[alert.severity],
            score=alert.score,
            money=f"{self._currency} {alert.money:,.0f}",
            size=_counted(len(alert.members)),
            reasons=tuple(shortened(reason.text) for reason in alert.reasons[:MOST_REASONS]),
            first_seen=self._moment(alert.first_seen),
            last_seen=self._moment(alert.last_seen),
            link=self.link(alert.alert_id, case_id),
        )

    def link(self, alert_id: str, case_id: str | None) -> str:
        """Where its case is; without one the page that finds it."""
        page = f"case/{quote(case_id, safe='')}" if case_id else f"alert/{quote(alert_id, safe='')}"
        return f"{self._base}/{page}"

    def data(self, alert: Alert, *, full_tokens: bool, case_id: str | None = None) -> Mapping[str, object]:
        """The same for machines, as JSON takes it; ``full_tokens`` leaves tokens whole."""
        body: dict[str, object] = msgspec.to_builtins(alert)
        # Reasons of a score name the values it was made from; a message needs only their words.
        body["reasons"] = [reason.text for reason in alert.reasons]
        body |= {
            "idempotency_key": alert.idempotency_key,
            "currency": self._currency,
            "link": self.link(alert.alert_id, case_id),
        }
        if full_tokens:
            return body
        masked: Mapping[str, object] = msgspec.json.decode(shortened(msgspec.json.encode(body).decode()))
        # What names the alert itself has to stay whole, or nobody could ask for it.
        return {
            **masked,
            "alert_id": alert.alert_id,
            "idempotency_key": alert.idempotency_key,
            "link": body["link"],
        }

    def _moment(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def shortened(text: str) -> str:
    """The text with every token cut to its first four characters."""
    return TOKEN.sub(r"\1…", text)


def _step(alert: Alert, told: bool) -> Step:
    if alert.state is AlertState.CLOSED:
        return Step.CLOSED
    if alert.reopened:
        return Step.REOPENED
    return Step.UPDATE if told else Step.NEW


def _counted(members: int) -> str:
    return "1 member" if members == 1 else f"{members:,} members"
