"""Transactions in coded columns, the form in which every part of a world hands rows on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "ATM",
    "CARD_PRESENT",
    "CHANNELS",
    "DAY",
    "HOUR",
    "KINDS",
    "LEGITIMATE",
    "MINUTE",
    "NONE",
    "ONLINE",
    "REFUND",
    "RING_KINDS",
    "SECOND",
    "SOLO_KINDS",
    "TRANSFER",
    "WELFARE_RING_KINDS",
    "WELFARE_SOLO_KINDS",
    "Batch",
    "cents",
    "kind_code",
]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
"""Microseconds."""

NONE = -1
"""Code for "there is none": no merchant, device, address, ring."""

CHANNELS: tuple[str, ...] = ("card_present", "online", "transfer", "atm", "refund")
CARD_PRESENT, ONLINE, TRANSFER, ATM, REFUND = range(len(CHANNELS))

SOLO_KINDS: tuple[str, ...] = (
    "stolen_card",
    "card_testing",
    "account_takeover",
    "unusual_amount",
    "off_hours",
    "burst",
    "refund_abuse",
)
RING_KINDS: tuple[str, ...] = (
    "shared_device",
    "bust_out",
    "mule_fan_in",
    "mule_fan_out",
    "scatter_gather",
    "round_trip",
    "merchant_block",
)
WELFARE_SOLO_KINDS: tuple[str, ...] = ("agent_skimming", "batch_withdrawal")
WELFARE_RING_KINDS: tuple[str, ...] = ("ghost_beneficiary", "duplicate_beneficiary", "agent_official")
KINDS: tuple[str, ...] = ("", *SOLO_KINDS, *RING_KINDS, *WELFARE_SOLO_KINDS, *WELFARE_RING_KINDS)
"""Values of fraud_type by code; code 0 is legitimate."""
LEGITIMATE = 0


def cents(amount: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round amounts to cents, one cent at least."""
    return np.asarray(np.maximum(np.round(amount, 2), 0.01), dtype=np.float64)


def kind_code(kind: str) -> int:
    """Return the code of a fraud type."""
    return KINDS.index(kind)


@dataclass(slots=True)
class Batch:
    """n transactions; ``time`` is in microseconds since the midnight (UTC) at which the world starts.

    Accounts, merchants, devices and addresses are row numbers of the world's tables, ``NONE`` for none.
    Positions are degrees, NaN for unknown. ``kind`` indexes ``KINDS``; ``ring`` is a ring number or ``NONE``.
    """

    time: NDArray[np.int64]
    account: NDArray[np.int32]
    merchant: NDArray[np.int32]
    counterparty: NDArray[np.int32]
    device: NDArray[np.int32]
    ip: NDArray[np.int32]
    channel: NDArray[np.int8]
    amount: NDArray[np.float64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    kind: NDArray[np.int8]
    ring: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(
        cls,
        time: ArrayLike,
        account: ArrayLike,
        amount: ArrayLike,
        channel: ArrayLike,
        *,
        merchant: ArrayLike = NONE,
        counterparty: ArrayLike = NONE,
        device: ArrayLike = NONE,
        ip: ArrayLike = NONE,
        latitude: ArrayLike = np.nan,
        longitude: ArrayLike = np.nan,
        kind: ArrayLike = LEGITIMATE,
        ring: ArrayLike = NONE,
    ) -> Batch:
        """Build a batch as long as ``time``; every other argument is broadcast to it."""
        times = np.asarray(time, dtype=np.int64)

        def column(values: ArrayLike, dtype: type[np.generic]) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(values, dtype=dtype), times.shape)

        return cls(
            times,
            column(account, np.int32),
            column(merchant, np.int32),
            column(counterparty, np.int32),
            column(device, np.int32),
            column(ip, np.int32),
            column(channel, np.int8),
            column(amount, np.float64),
            column(latitude, np.float64),
            column(longitude, np.float64),
            column(kind, np.int8),
            column(ring, np.int32),
        )

    @classmethod
    def empty(cls) -> Batch:
        """Return a batch of no rows."""
        return cls.of(np.zeros(0, np.int64), 0, 0.0, 0)

    @classmethod
    def join(cls, batches: Iterable[Batch]) -> Batch:
        """Stack batches in the order given."""
        parts = list(batches)
        if not parts:
            return cls.empty()
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def take(self, rows: NDArray[Any]) -> Batch:
        """Select rows by mask or by position."""
        return Batch(*(getattr(self, f.name)[rows] for f in fields(self)))

    def in_order(self) -> Batch:
        """Sort by time; rows of equal time keep their order."""
        return self.take(np.argsort(self.time, kind="stable"))

    def between(self, start: int, end: int) -> Batch:
        """Keep the rows with ``start <= time < end``."""
        return self.take((self.time >= start) & (self.time < end))
