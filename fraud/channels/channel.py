"""What every channel does."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from fraud.alert_message import Message

__all__ = ["Channel", "Receipt"]


class Receipt(msgspec.Struct, frozen=True):
    """That a message was taken over: the channel's own name of it, and whether that confirms that it has arrived."""

    provider_id: str | None = None
    delivered: bool = False


class Channel(Protocol):
    """One way out. A call may take as long as its time-out; nothing in here knows of the record."""

    def send(self, message: Message, address: str) -> Receipt:
        """Hand a message over; ``address`` is empty where the channel has one receiver.

        Raises DeliveryFailed where it may be tried again, DeliveryRefused where not, DeliveryUncertain where the
        message may have been taken.
        """

    def find(self, message: Message, address: str, since: datetime) -> Receipt | None:
        """Whether a message was taken since a moment, as far as the channel can tell afterwards; None: not known."""

    def close(self) -> None:
        """Let go of connections."""
