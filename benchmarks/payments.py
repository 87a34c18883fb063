"""A stream of payments to measure speed and memory on: wide, skewed and plain; not meant to learn from.

``data.simulate`` makes worlds to be judged in. Here only what costs time matters: how many nodes and pairs there are,
how often they come back, and that a batch touches memory all over the place.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Sizes", "as_json", "payments"]

START = np.datetime64("2025-01-01T00:00:00", "us")
NEVER = np.datetime64("9999-12-31T00:00:00", "us")
CATEGORIES = ("5411", "5812", "5541", "5732", "4121", "5999", "7011", "5912")
JSON_COLUMNS = (
    "transaction_id",
    "event_time",
    "account_id",
    "amount",
    "merchant_id",
    "counterparty_id",
    "currency",
    "device_id",
    "ip",
    "channel",
    "mcc",
    "latitude",
    "longitude",
)
TRANSFER, REFUSAL, FRAUD = 0.1, 0.04, 0.004
"""Shares of transfers, of payments that tell no device, and of frauds."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything there is."""

    payments: int = 500_000
    accounts: int = 50_000
    merchants: int = 5_000
    devices: int = 40_000
    homes: int = 40_000
    """Addresses that one household has to itself."""
    gateways: int = 2_000
    """Addresses of mobile carriers and offices, shared by many."""
    days: int = 40


def payments(sizes: Sizes, seed: int = 0) -> pd.DataFrame:
    """Canonical rows in event order, with truth, late labels for every fraud and a tenth of the rest."""
    random = np.random.default_rng(seed)
    n = sizes.payments
    account = _active(random, sizes.accounts, n)
    fraud = random.random(n) < FRAUD
    merchant = _merchants(random, sizes, account)
    transfer = (random.random(n) < TRANSFER) & ~fraud
    device, address = _gear(random, sizes, account, fraud)
    amount = np.exp(random.normal(3.0, 0.7, n) + 0.5 * random.normal(size=sizes.accounts)[account] + fraud)
    present = ~transfer & ~fraud & (random.random(n) < 0.6)
    north, east = random.uniform(-60, 60, sizes.merchants), random.uniform(-180, 180, sizes.merchants)
    silent = random.random(n) < REFUSAL
    time = START + _times(random, sizes).astype("timedelta64[us]")
    told = fraud | (random.random(n) < 0.1)
    delay = (random.lognormal(np.log(7.0), 0.5, n) * 86_400e6).astype("timedelta64[us]")
    frame = pd.DataFrame(
        {
            "transaction_id": [f"t{i:09d}" for i in range(n)],
            "event_time": pd.DatetimeIndex(time).tz_localize("UTC"),
            "account_id": _names("C", account),
            "amount": np.round(np.maximum(amount, 0.01), 2),
            "merchant_id": _where(~transfer, _names("M", merchant)),
            "counterparty_id": _where(transfer, _names("C", _contacts(random, sizes, account))),
            "currency": "USD",
            "device_id": _where(~silent, _names("dev-", device)),
            "ip": _where(~silent, _dotted(address)),
            "channel": np.where(transfer, "transfer", np.where(present, "card_present", "online")),
            "mcc": _where(~transfer, np.array(CATEGORIES, dtype=object)[merchant % len(CATEGORIES)]),
            "latitude": np.where(present, np.round(north[merchant], 4), np.nan),
            "longitude": np.where(present, np.round(east[merchant], 4), np.nan),
            "is_fraud": fraud.astype(np.int8),
            "reported_fraud": fraud.astype(np.int8),
            "label_time": pd.DatetimeIndex(np.where(told, time + delay, NEVER)).tz_localize("UTC"),
            "ring_id": None,
            "fraud_type": None,
        }
    )
    return frame.astype({"currency": object, "ring_id": object, "fraud_type": object})


def as_json(frame: pd.DataFrame) -> list[bytes]:
    """One JSON object a payment as its sender writes it; what is missing is left out, and so is the truth."""
    columns = {name: frame[name].tolist() for name in JSON_COLUMNS}
    columns["event_time"] = [time.isoformat().replace("+00:00", "Z") for time in columns["event_time"]]
    encoder = msgspec.json.Encoder()
    return [
        encoder.encode(
            {name: value for name, value in zip(columns, row, strict=True) if value == value and value}
        )
        for row in zip(*columns.values(), strict=True)
    ]


def _active(random: np.random.Generator, accounts: int, n: int) -> Numbers:
    weight = random.lognormal(0.0, 0.8, accounts)
    return random.choice(accounts, n, p=weight / weight.sum())


def _merchants(random: np.random.Generator, sizes: Sizes, account: Numbers) -> Numbers:
    """Four of five payments go to one of eight favourites, the first most often; both kinds follow Zipf."""
    popular = 1.0 / np.arange(1, sizes.merchants + 1) ** 0.9
    popular /= popular.sum()
    favourites = random.choice(sizes.merchants, (sizes.accounts, 8), p=popular)
    rank = np.minimum(random.geometric(0.35, len(account)) - 1, 7)
    anywhere = random.choice(sizes.merchants, len(account), p=popular)
    return np.where(random.random(len(account)) < 0.8, favourites[account, rank], anywhere)


def _contacts(random: np.random.Generator, sizes: Sizes, account: Numbers) -> Numbers:
    """One of three people the payer knows, never the payer."""
    step = random.integers(1, sizes.accounts, (sizes.accounts, 3))
    return (account + step[account, random.integers(0, 3, len(account))]) % sizes.accounts


def _gear(
    random: np.random.Generator, sizes: Sizes, account: Numbers, fraud: NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    """Device and address: one's own, or the second one, seldom a new one; a thief's is anyone's."""
    n = len(account)
    own = random.integers(0, sizes.devices, (sizes.accounts, 2))
    device = own[account, (random.random(n) < 0.15).astype(np.int64)]
    device = np.where(fraud | (random.random(n) < 0.005), random.integers(0, sizes.devices, n), device)
    home = random.integers(0, sizes.homes, sizes.accounts)[account]
    nearby = random.integers(0, sizes.gateways, (sizes.accounts, 2))
    out = sizes.homes + nearby[account, random.integers(0, 2, n)]
    address = np.where(random.random(n) < 0.35, out, home)
    return device, np.where(fraud, random.integers(0, sizes.homes + sizes.gateways, n), address)


def _times(random: np.random.Generator, sizes: Sizes) -> Numbers:
    """Microseconds from the start, in order; most of them by day."""
    hour = random.normal(14.0, 4.0, sizes.payments) % 24.0
    day = random.integers(0, sizes.days, sizes.payments)
    return np.sort(((day * 24.0 + hour) * 3_600e6).astype(np.int64))


def _where(present: NDArray[np.bool_], values: NDArray[np.object_]) -> NDArray[np.object_]:
    """Values where present, else None."""
    column = values.copy()
    column[~present] = None
    return column


def _names(prefix: str, numbers: Numbers) -> NDArray[np.object_]:
    names = np.array([f"{prefix}{i:07d}" for i in range(int(numbers.max()) + 1)], dtype=object)
    return names[numbers]


def _dotted(numbers: Numbers) -> NDArray[np.object_]:
    names = [f"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}" for i in range(int(numbers.max()) + 1)]
    return np.array(names, dtype=object)[numbers]
