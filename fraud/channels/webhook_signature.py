"""Signatures of webhooks, as Standard Webhooks lays them down: HMAC-SHA256 over id, time and body.

A receiver copies nothing but this: it checks ``verify`` and keeps the ids that it has taken, so that a message that
comes twice counts once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping

from fraud.errors import InputError, SettingsError

__all__ = ["TOLERANCE_SECONDS", "WebhookKey", "verify"]

PREFIX = "whsec_"
VERSION = "v1"
TOLERANCE_SECONDS = 300
LEAST_BYTES, MOST_BYTES = 24, 64


class WebhookKey:
    """The secret that sender and receiver share: ``whsec_`` and 24 to 64 random bytes in base64."""

    def __init__(self, secret: str) -> None:
        try:
            key = base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not LEAST_BYTES <= len(key) <= MOST_BYTES:
            raise SettingsError(
                "webhook secret: must be whsec_ and 24 to 64 bytes in base64; "
                "make one with `echo whsec_$(openssl rand -base64 32)`"
            )
        self._key = key

    def __repr__(self) -> str:
        return "WebhookKey(********)"

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """The three headers that go with a body."""
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"{VERSION},{self.signature(message_id, timestamp, body)}",
        }

    def signature(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Of one message, in base64."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        return base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> str:
    """Check a webhook that came in and return its id, by which a repeated one is known.

    ``headers`` may be in any case, ``body`` is as it came, byte for byte. Any of several signatures may be the right
    one, so that a secret can be changed without a gap. Raises InputError for one that is not to be trusted: not signed
    with this secret, altered, or signed too long ago (or ahead), as a replayed one would be.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, stamp = given["webhook-id"], given["webhook-timestamp"]
        signatures = given["webhook-signature"].split()
        timestamp = int(stamp)
    except KeyError as missing:
        raise InputError(f"webhook: no header {missing.args[0]}") from None
    except ValueError:
        raise InputError("webhook: webhook-timestamp is not a number of seconds") from None
    if abs((time.time() if now is None else now) - timestamp) > tolerance:
        raise InputError(f"webhook: signed more than {tolerance:.0f} seconds away; check the clocks")
    right = f"{VERSION},{WebhookKey(secret).signature(message_id, timestamp, body)}"
    if not any(hmac.compare_digest(one.encode(), right.encode()) for one in signatures):
        raise InputError(
            "webhook: the signature does not fit; check the secret and that the body is unchanged"
        )
    return message_id
