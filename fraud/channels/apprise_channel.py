"""Alerts by any service that Apprise knows: Slack, Teams, PagerDuty, AWS SNS and a hundred more."""

from __future__ import annotations

import logging
import re
from datetime import datetime

import apprise

from fraud.alert import Severity
from fraud.alert_message import Message
from fraud.channel_config import AppriseConfig
from fraud.channels.channel import Receipt
from fraud.errors import DeliveryFailed, SettingsError

__all__ = ["AppriseChannel"]

KINDS = {
    Severity.LOW: apprise.NotifyType.INFO,
    Severity.MEDIUM: apprise.NotifyType.WARNING,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}


class AppriseChannel:
    """Hands messages to one Apprise address. These services know no repeats: what is sent again shows twice."""

    def __init__(self, config: AppriseConfig, url: str) -> None:
        self._variable = config.url_env
        timeout = config.timeout_seconds
        separator = "&" if "?" in url else "?"
        self._service = apprise.Apprise()
        if not self._service.add(f"{url}{separator}cto={timeout}&rto={timeout}"):
            raise SettingsError(
                f"{config.url_env}: not an address that Apprise knows; see its list of services"
            )

    def send(self, message: Message, address: str) -> Receipt:
        """Hand it over; Apprise says no more than whether that went well."""
        with apprise.LogCapture(level=logging.WARNING) as said:
            taken = self._service.notify(
                body=message.text,
                title=message.subject,
                notify_type=KINDS[message.severity],
                body_format=apprise.NotifyFormat.TEXT,
            )
            codes = re.findall(r"error\s*=\s*(\d{3})", said.getvalue())
        if not taken:
            told = f" (HTTP {codes[-1]})" if codes else ""
            raise DeliveryFailed(f"apprise: the service of {self._variable} did not take it{told}")
        return Receipt()

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """These services can't be asked."""
        return None

    def close(self) -> None:
        """Nothing is held."""
