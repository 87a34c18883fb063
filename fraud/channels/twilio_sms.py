"""Alerts as text messages, by Twilio's own client."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode, urlsplit, urlunsplit

from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, RequestException
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import MaxRetryError, NewConnectionError

from fraud.alert_message import Message
from fraud.channel_config import TwilioConfig
from fraud.channels.channel import Receipt
from fraud.channels.safe_address import parse_target
from fraud.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

__all__ = ["MESSAGE_PARAMETER", "TwilioSms", "status_address"]

TWILIO = "https://api.twilio.com"
MESSAGE_PARAMETER = "message"
"""Part of the callback's address that says which message Twilio tells of."""

LOST = ("failed", "undelivered", "canceled")
LOOKED_THROUGH = 50


class _Towards(TwilioHttpClient):  # type: ignore[misc]
    """Twilio's client on its way to another address, such as a proxy of the house or a test's endpoint."""

    def __init__(self, api_url: str, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._api_url = api_url.rstrip("/")

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send a request as Twilio's client made it, its host replaced."""
        url = self._api_url + url.removeprefix(TWILIO)
        # Without a time-out of the call's own the client would fall back on none at all.
        return super().request(
            method, url, params, data, headers, auth, timeout or self.timeout, allow_redirects
        )

    def log_request(self, kwargs: dict[str, object]) -> None:
        """Say nothing: numbers of people stand in it."""

    def log_response(self, status_code: int, response: Response) -> None:
        """Say nothing."""


class TwilioSms:
    """Sends one segment a message. Twilio has no key against doubles.

    What gives certainty after a crash: Twilio's list of what it has sent, and its status callbacks, which name our
    message in their address and so settle a delivery whose receipt was lost.
    """

    def __init__(self, config: TwilioConfig, account_sid: str, auth_token: str, *, local: bool) -> None:
        parse_target(config.api_url, field="api_url", allow_plain=local)
        if config.status_callback is not None:
            parse_target(config.status_callback, field="status_callback", allow_plain=local)
        self._config = config
        self._http = _Towards(config.api_url, config.timeout_seconds)
        self._client = Client(account_sid, auth_token, http_client=self._http)

    def send(self, message: Message, address: str) -> Receipt:
        """Ask Twilio to send it to a telephone number; it has then been queued, not delivered."""
        wanted: dict[str, str] = {"to": address, "body": message.sms}
        if self._config.sender is not None:
            wanted["from_"] = self._config.sender
        else:
            wanted["messaging_service_sid"] = self._config.messaging_service_sid or ""
        if self._config.status_callback is not None:
            wanted["status_callback"] = status_address(self._config.status_callback, message.message_id)
        try:
            sent = self._client.messages.create(**wanted)
        except TwilioRestException as error:
            raise _refusal(error) from error
        except RequestException as error:
            raise _broken(error) from error
        return Receipt(provider_id=sent.sid)

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """The same text to the same number, among what Twilio has sent since."""
        try:
            found = self._client.messages.list(to=address, date_sent_after=since, limit=LOOKED_THROUGH)
        except TwilioRestException as error:
            raise _refusal(error) from error
        except RequestException as error:
            raise DeliveryFailed(f"twilio: cannot be asked what it sent ({type(error).__name__})") from error
        for one in found:
            if one.body == message.sms and one.status not in LOST:
                return Receipt(provider_id=one.sid, delivered=one.status == "delivered")
        return None

    def close(self) -> None:
        """Close the connections."""
        if self._http.session is not None:
            self._http.session.close()


def status_address(callback: str, message_id: str) -> str:
    """The callback's address for one message; Twilio's signature covers it."""
    parts = urlsplit(callback)
    query = "&".join(filter(None, [parts.query, urlencode({MESSAGE_PARAMETER: message_id})]))
    return urlunsplit(parts._replace(query=query))


def _refusal(error: TwilioRestException) -> DeliveryFailed:
    reason = f"twilio: answered {error.status}, code {error.code}"
    # A login or an account can be mended while the message waits; what is wrong with the message cannot.
    if error.status in (401, 403, 404, 429) or error.status >= 500:
        return DeliveryFailed(reason)
    return DeliveryRefused(f"{reason}; see https://www.twilio.com/docs/api/errors/{error.code}")


def _broken(error: RequestException) -> DeliveryFailed:
    """A connection that was never made took nothing; one that broke later may have."""
    cause = error.args[0] if error.args else None
    inner = cause.reason if isinstance(cause, MaxRetryError) else cause
    never = isinstance(error, ConnectTimeout) or (
        isinstance(error, NoConnection) and isinstance(inner, NewConnectionError)
    )
    if never:
        return DeliveryFailed(f"twilio: no connection ({type(error).__name__})")
    return DeliveryUncertain(f"twilio: did not answer ({type(error).__name__})")
