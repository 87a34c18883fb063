"""Twilio's delivery receipts: what a route that it calls has to do, whichever server has that route.

The route hands over the public address that Twilio called, the form it sent and its signature; what comes back is the
HTTP status to answer with. Nothing else lets a request in, so the route needs no sign-in of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Engine
from twilio.request_validator import RequestValidator

from fraud.alert_config import load_config
from fraud.channel_config import TwilioConfig
from fraud.channels.opening import secret
from fraud.channels.twilio_sms import MESSAGE_PARAMETER
from fraud.delivery import DeliveryState
from fraud.delivery_receipts import settle
from fraud.settings import Settings

__all__ = ["TwilioStatus", "open_statuses"]

log = logging.getLogger(__name__)

STATES = {
    "sent": DeliveryState.SENT,
    "delivered": DeliveryState.DELIVERED,
    "read": DeliveryState.DELIVERED,
    "failed": DeliveryState.FAILED,
    "undelivered": DeliveryState.FAILED,
}
"""What Twilio says of a message, and what that makes of a delivery; other words change nothing."""


class TwilioStatus:
    """Takes status callbacks for one Twilio account."""

    def __init__(self, engine: Engine, callback: str, auth_token: str) -> None:
        self._engine = engine
        self._callback = urlsplit(callback)
        self._validator = RequestValidator(auth_token)

    def take(self, query: str, form: Mapping[str, str], signature: str | None, now: datetime) -> HTTPStatus:
        """Take one in: its query as it came, the form, the header ``X-Twilio-Signature``.

        403 where Twilio has not signed it, else 204. The address that was signed is the one of the alerts file, so that
        a proxy in front may have called us by another name.
        """
        called = self._callback._replace(query=query).geturl()
        if not self._validator.validate(called, dict(form), signature or ""):
            log.warning("twilio status: refused, not signed by Twilio")
            return HTTPStatus.FORBIDDEN
        message_id = parse_qs(query).get(MESSAGE_PARAMETER, [""])[0]
        state = STATES.get(form.get("MessageStatus", ""))
        if message_id and state is not None:
            code = form.get("ErrorCode")
            error = f"twilio: {form['MessageStatus']}, code {code}" if state is DeliveryState.FAILED else None
            settle(self._engine, message_id, state, now, provider_id=form.get("MessageSid"), error=error)
        return HTTPStatus.NO_CONTENT


def open_statuses(settings: Settings, engine: Engine) -> list[TwilioStatus]:
    """One for each Twilio channel of the alerts file that asks for receipts; more than one account may call one route.

    Raises SettingsError where the file or the secret is missing.
    """
    if settings.alerts.file is None:
        return []
    channels = load_config(settings).channels.values()
    return [
        TwilioStatus(engine, one.status_callback, secret(one.auth_token_env))
        for one in channels
        if isinstance(one, TwilioConfig) and one.status_callback is not None
    ]
