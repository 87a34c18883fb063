"""Turns alerts into messages: subject, text, HTML, one segment of SMS and JSON, by templates that may be replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, select_autoescape
from jinja2.sandbox import SandboxedEnvironment

from fraud.alert import Alert, Severity
from fraud.alert_view import AlertView, View
from fraud.errors import SettingsError
from fraud.gsm_text import SEGMENT, fitting, gsm, septets

__all__ = ["Composer", "Message"]

TEMPLATES = Path(__file__).with_name("alert_templates")
NAMES = ("subject.txt", "body.txt", "body.html", "sms.txt")
MOST_SHOWN = 20
"""Alerts of a digest that are told in full; the rest is counted."""


class Message(msgspec.Struct, frozen=True):
    """One message to one recipient.

    ``message_id`` is the same when the same message is sent again; ``answers`` is that of the first message on the
    same alert to this recipient. ``alerts`` are what it tells of, the worst first; a test message tells of none.
    """

    message_id: str
    subject: str
    text: str
    html: str
    sms: str
    payload: Mapping[str, object]
    severity: Severity
    alerts: tuple[Alert, ...] = ()
    answers: str | None = None


class Composer:
    """Makes messages; ``folder`` may hold templates that take the place of those that come along.

    Templates run in Jinja's sandbox, HTML is escaped, and a name that there is not is an error. Raises SettingsError
    for one that can't be read.
    """

    def __init__(self, view: View, folder: Path | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise SettingsError(
                f"templates: {folder} is not a folder; leave it out for those that come along"
            )
        self._view = view
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader([*([folder] if folder else []), TEMPLATES]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        for name in NAMES:
            self._template(name)

    def message(
        self,
        message_id: str,
        alerts: Sequence[Alert],
        *,
        told: bool = False,
        answers: str | None = None,
        cases: Mapping[str, str] | None = None,
        full_tokens: bool = False,
    ) -> Message:
        """A message on one alert, or a digest of several.

        ``told``: the recipient knows of the alert already; ``cases`` are case ids by alert id. Raises SettingsError for
        a template that can't be rendered.
        """
        cases = cases or {}
        ordered = sorted(alerts, key=lambda one: (-one.severity.rank, -one.score, one.alert_id))
        views = [self._view.of(one, told=told, case_id=cases.get(one.alert_id)) for one in ordered]
        shown = self._facts(views, digest=len(views) > 1)
        subject = " ".join(self._render("subject.txt", shown).split())
        shown["subject"] = subject
        data = [
            self._view.data(one, full_tokens=full_tokens, case_id=cases.get(one.alert_id)) for one in ordered
        ]
        kind = "digest" if len(views) > 1 else views[0].step
        return Message(
            message_id=message_id,
            subject=subject,
            text=self._render("body.txt", shown).strip() + "\n",
            html=self._render("body.html", shown),
            sms=self._sms(shown, views[0]),
            payload={
                "type": f"alert.{kind}",
                "timestamp": _now(),
                "data": {"alerts": data},
            },
            severity=ordered[0].severity,
            alerts=tuple(ordered),
            answers=answers,
        )

    def test(self, message_id: str, channel: str) -> Message:
        """A message that tells of no alert, to see whether a channel works."""
        text = f"This is a test of the Ringfence alert channel {channel}. Nothing needs to be done."
        return Message(
            message_id=message_id,
            subject=f"Ringfence: test of {channel}",
            text=f"{text}\n{self._view.queue_link}\n",
            html=f'<!doctype html>\n<html lang="en"><body><p>{text}</p></body></html>\n',
            sms=fitting(gsm(text), SEGMENT),
            payload={"type": "test", "timestamp": _now(), "data": {"channel": channel, "alerts": []}},
            severity=Severity.LOW,
        )

    def _facts(self, views: list[AlertView], *, digest: bool) -> dict[str, Any]:
        shown = views[:MOST_SHOWN]
        return {
            "alerts": shown,
            "alert": shown[0],
            "digest": digest,
            "count": len(views),
            "left_out": len(views) - len(shown),
            "queue_link": self._view.queue_link,
            "reason": shown[0].reasons[0] if shown[0].reasons else "",
        }

    def _sms(self, shown: dict[str, Any], worst: AlertView) -> str:
        """One segment: what is too long is taken from the reason first, then from what stands before the link."""
        whole = gsm(self._render("sms.txt", shown))
        reason = gsm(shown["reason"])
        if septets(whole) > SEGMENT and reason:
            room = max(septets(reason) - (septets(whole) - SEGMENT) - 2, 0)
            short = f"{fitting(reason, room).rstrip()}.." if room else ""
            whole = gsm(self._render("sms.txt", {**shown, "reason": short}))
        if septets(whole) <= SEGMENT:
            return whole
        link = next((one for one in (gsm(worst.link), gsm(shown["queue_link"])) if whole.endswith(one)), "")
        if septets(link) >= SEGMENT:
            return fitting(whole, SEGMENT)
        before = whole.removesuffix(link).rstrip()
        return f"{fitting(before, SEGMENT - septets(link) - 1).rstrip()} {link}".strip()

    def _render(self, name: str, facts: Mapping[str, Any]) -> str:
        try:
            return self._template(name).render(facts)
        except TemplateError as error:
            raise _bad_template(name, error) from error

    def _template(self, name: str) -> Template:
        try:
            return self._environment.get_template(name)
        except TemplateError as error:
            raise _bad_template(name, error) from error


def _bad_template(name: str, error: TemplateError) -> SettingsError:
    return SettingsError(f"template {name}: {error}; mend it or remove it from the templates folder")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
