"""Deliveries: one state of one alert on its way to one recipient by one channel."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

__all__ = ["Delivery", "DeliveryState"]


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """To be sent at ``next_try_at``."""
    SENDING = "sending"
    """Claimed by a dispatcher; still so after its claim has run out, it may or may not have reached the recipient."""
    SENT = "sent"
    """The channel has taken it over."""
    DELIVERED = "delivered"
    """The recipient's side has confirmed it."""
    FAILED = "failed"
    """Given up for the reason in ``error``; ``alerts retry`` sends it again."""
    UNCERTAIN = "uncertain"
    """Perhaps sent, and the channel is set to report that instead of sending it twice."""
    SUPPRESSED = "suppressed"
    """Not sent: the alert was closed before."""
    SUPERSEDED = "superseded"
    """Not sent: a newer state of the same alert took its place."""


class Delivery(msgspec.Struct, frozen=True):
    """One delivery as it is on record.

    ``recipient`` is the name of a contact of the alerts file, never an address, and empty where the channel has one
    receiver only. ``message_id`` is what receivers may know a repeated message by; deliveries of one digest share it.
    ``provider_id`` is the channel's own name of the message (Twilio's SID, the Message-ID of an e-mail).
    """

    key: str
    alert_id: str
    version: int
    channel: str
    recipient: str
    route: str
    state: DeliveryState
    attempts: int
    next_try_at: datetime
    created_at: datetime
    updated_at: datetime
    severity: str
    digest: str | None = None
    message_id: str | None = None
    provider_id: str | None = None
    error: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None

    @staticmethod
    def key_for(idempotency_key: str, channel: str, recipient: str) -> str:
        """The key of a state's delivery: the same wherever and however often it is routed."""
        return f"{idempotency_key}|{channel}|{recipient}"
