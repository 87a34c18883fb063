"""Micro-batches of events on their way into the online graph: columns with names still as tokens.

A batch holds transactions and label reveals in the order in which they became known. Ids of accounts, devices and
addresses are tokens already; the graph never sees a personal value.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fraud.transaction import Transaction

__all__ = ["LABEL", "TRANSACTION", "Events", "FrameEvents", "channel_code", "from_transactions", "mcc_code"]

TRANSACTION, LABEL = 0, 1

CHANNELS: tuple[str, ...] = (
    "card_present",
    "online",
    "transfer",
    "atm",
    "refund",
    "mobile",
    "branch",
    "cheque",
)
OTHER_CHANNELS = 24
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def channel_code(channel: str | None) -> int:
    """Number of a channel: 0 for none, 1–8 for the usual ones, a stable bucket above for any other name."""
    if channel is None:
        return 0
    if channel in CHANNELS:
        return 1 + CHANNELS.index(channel)
    return 1 + len(CHANNELS) + zlib.crc32(channel.encode()) % OTHER_CHANNELS


def mcc_code(mcc: str | None) -> int:
    """Merchant category as a number: ISO 18245 codes as they are, other texts a stable bucket, −1 for none."""
    if mcc is None:
        return -1
    if mcc.isascii() and mcc.isdigit() and len(mcc) <= 6:
        return int(mcc)
    return 1_000_000 + zlib.crc32(mcc.encode()) % 1_000


@dataclass(frozen=True, slots=True)
class Events:
    """Columns of n events in time order; object columns hold str or None."""

    kind: NDArray[np.uint8]
    """``TRANSACTION`` or ``LABEL``"""
    time: NDArray[np.int64]
    """µs since 1970 UTC: when it happened; of a label, when it became known"""
    event_time: NDArray[np.int64]
    """of a label, when its transaction happened"""
    is_fraud: NDArray[np.int8]
    """of a label, what it says"""
    amount: NDArray[np.float64]
    account: NDArray[np.object_]
    target: NDArray[np.object_]
    is_transfer: NDArray[np.bool_]
    """whether ``target`` is a counterparty account"""
    device: NDArray[np.object_]
    ip: NDArray[np.object_]
    channel: NDArray[np.int16]
    mcc: NDArray[np.int32]
    latitude: NDArray[np.float32]
    longitude: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.kind)

    def part(self, start: int, stop: int) -> Events:
        """Rows ``start`` to ``stop`` as views."""
        return Events(*(getattr(self, name)[start:stop] for name in self.__slots__))


def _codes(column: pd.Series[str], code: object) -> NDArray[np.int64]:
    numbers, values = pd.factorize(column, use_na_sentinel=True)
    table = np.array([code(value) for value in values] + [code(None)], dtype=np.int64)  # type: ignore[operator]
    return table[numbers]


def _objects(column: pd.Series[str]) -> NDArray[np.object_]:
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = None
    return values


class FrameEvents:
    """A canonical table made ready once, from which batches are taken by row number.

    ``frame`` has the canonical columns, ids tokenised, in event order.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        merchant, counterparty = _objects(frame["merchant_id"]), _objects(frame["counterparty_id"])
        self.is_transfer = frame["merchant_id"].isna().to_numpy(dtype=bool)
        self.target = np.where(self.is_transfer, counterparty, merchant)
        self.account = _objects(frame["account_id"])
        self.device, self.ip = _objects(frame["device_id"]), _objects(frame["ip"])
        self.time = frame["event_time"].to_numpy(dtype="datetime64[us]").astype(np.int64)
        self.amount = frame["amount"].to_numpy(dtype=np.float64)
        self.channel = _codes(frame["channel"], channel_code).astype(np.int16)
        self.mcc = _codes(frame["mcc"], mcc_code).astype(np.int32)
        self.latitude = frame["latitude"].to_numpy(dtype=np.float32)
        self.longitude = frame["longitude"].to_numpy(dtype=np.float32)
        self.reported = frame["reported_fraud"].to_numpy(dtype=np.int8)

    def take(self, kind: NDArray[np.int8], row: NDArray[np.int64], time: NDArray[np.int64]) -> Events:
        """Events of one chunk of the timeline: what happened (``kind``), to which row, known at which time."""
        return Events(
            kind=kind.astype(np.uint8),
            time=time,
            event_time=self.time[row],
            is_fraud=self.reported[row],
            amount=self.amount[row],
            account=self.account[row],
            target=self.target[row],
            is_transfer=self.is_transfer[row],
            device=self.device[row],
            ip=self.ip[row],
            channel=self.channel[row],
            mcc=self.mcc[row],
            latitude=self.latitude[row],
            longitude=self.longitude[row],
        )


def _column(values: Sequence[str | None]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def from_transactions(transactions: Sequence[Transaction]) -> Events:
    """A batch of transactions as they arrive on a stream, in arrival order."""
    n = len(transactions)
    time = np.array([(one.event_time - EPOCH) // MICROSECOND for one in transactions], dtype=np.int64)
    nowhere = np.nan
    return Events(
        kind=np.zeros(n, dtype=np.uint8),
        time=time,
        event_time=time,
        is_fraud=np.full(n, -1, dtype=np.int8),
        amount=np.array([one.amount for one in transactions], dtype=np.float64),
        account=_column([one.account_id for one in transactions]),
        target=_column([one.merchant_id or one.counterparty_id for one in transactions]),
        is_transfer=np.array([one.merchant_id is None for one in transactions], dtype=np.bool_),
        device=_column([one.device_id for one in transactions]),
        ip=_column([one.ip for one in transactions]),
        channel=np.array([channel_code(one.channel) for one in transactions], dtype=np.int16),
        mcc=np.array([mcc_code(one.mcc) for one in transactions], dtype=np.int32),
        latitude=np.array(
            [nowhere if one.latitude is None else one.latitude for one in transactions], np.float32
        ),
        longitude=np.array(
            [nowhere if one.longitude is None else one.longitude for one in transactions], np.float32
        ),
    )
