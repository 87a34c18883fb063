"""Alerts as signed HTTP requests to a service of one's own."""

from __future__ import annotations

import ssl
import time
from datetime import datetime

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from fraud import __version__
from fraud.alert_message import Message
from fraud.channel_config import WebhookConfig
from fraud.channels.channel import Receipt
from fraud.channels.safe_address import parse_target, resolve
from fraud.channels.webhook_signature import WebhookKey
from fraud.errors import DeliveryFailed, DeliveryRefused, DeliveryUncertain

__all__ = ["Webhook"]

LONGEST_WAIT = 86_400.0
REFUSED = frozenset({400, 410, 413, 415, 422})
"""Answers that say that the same request is no use later; others may come from what can be mended meanwhile."""


class Webhook:
    """Posts JSON. Redirects and proxies are not followed: the request goes to the one address that was looked at.

    A request sent again has the same ``webhook-id``, by which the receiver knows it.
    """

    def __init__(self, config: WebhookConfig, secret: str, *, local: bool) -> None:
        self._config = config
        self._key = WebhookKey(secret)
        self._target = parse_target(config.url, field="url", allow_plain=local)
        self._allow_private = config.allow_private
        self._tls = ssl.create_default_context(cafile=config.ca_file) if self._target.secure else None

    def send(self, message: Message, address: str) -> Receipt:
        """Post it; any answer of 2xx confirms that it has arrived."""
        body = msgspec.json.encode(message.payload)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"ringfence/{__version__}",
            "Host": self._host(),
            **self._key.headers(message.message_id, int(time.time()), body),
        }
        status, retry_after = self._post(body, headers)
        if 200 <= status < 300:
            return Receipt(provider_id=message.message_id, delivered=True)
        reason = f"webhook: {self._target.host} answered {status}"
        if status in REFUSED:
            raise DeliveryRefused(reason)
        raise DeliveryFailed(reason, retry_after)

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """A receiver is not asked: it knows a repeated message by its id."""
        return None

    def close(self) -> None:
        """Each request has a connection of its own."""

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, float | None]:
        host = self._target.host
        with self._pool(resolve(self._target, allow_private=self._allow_private)) as pool:
            try:
                # Nobody reads what a receiver has to say: it could go on for ever.
                answer = pool.urlopen(
                    "POST",
                    self._target.path,
                    body=body,
                    headers=headers,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                )
                answer.close()
            except (NewConnectionError, ConnectTimeoutError, SSLError) as error:
                raise DeliveryFailed(f"webhook: no connection to {host} ({type(error).__name__})") from error
            except HTTPError as error:
                raise DeliveryUncertain(f"webhook: {host} did not answer ({type(error).__name__})") from error
            return answer.status, _seconds(answer.headers.get("Retry-After"))

    def _pool(self, address: str) -> urllib3.HTTPConnectionPool:
        timeout = urllib3.Timeout(total=self._config.timeout_seconds)
        if self._tls is None:
            return urllib3.HTTPConnectionPool(address, self._target.port, timeout=timeout)
        return urllib3.HTTPSConnectionPool(
            address,
            self._target.port,
            timeout=timeout,
            ssl_context=self._tls,
            server_hostname=self._target.host,
            assert_hostname=self._target.host,
        )

    def _host(self) -> str:
        usual = 443 if self._target.secure else 80
        host = f"[{self._target.host}]" if ":" in self._target.host else self._target.host
        return host if self._target.port == usual else f"{host}:{self._target.port}"


def _seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After header in seconds; a date in it is not worth a clock of its own."""
    if retry_after is None or not retry_after.isdecimal():
        return None
    return min(float(retry_after), LONGEST_WAIT)
