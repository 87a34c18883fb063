"""Fraudsters' own means: gangs with devices, addresses and mules, used again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.world.batch import NONE, ONLINE, Batch, kind_code
from data.world.habits import usual_hours
from data.world.merchants import Market
from data.world.society import Society

__all__ = [
    "Gang",
    "Underworld",
    "marked",
    "market_on",
    "modest_merchants",
    "spread",
    "through_gang",
    "victims",
]


@dataclass(frozen=True, slots=True)
class Gang:
    """Who is behind an incident."""

    city: int
    devices: NDArray[np.int64]
    ips: NDArray[np.int64]
    mules: NDArray[np.int64]
    """Accounts that take in stolen money."""


class Underworld:
    """The gangs of a world; few enough that devices and mules come back in later incidents."""

    def __init__(self, world: Society, rng: np.random.Generator, gangs: int) -> None:
        self._gangs = [
            Gang(
                city=int(rng.integers(len(world.cities))),
                devices=world.gear.devices.new(int(rng.integers(2, 5))),
                ips=np.concatenate(
                    [
                        world.gear.ips.new(1),
                        rng.choice(world.gear.mobile_ip, 2),
                        rng.choice(world.gear.hotel_ip, 1),
                    ]
                ),
                mules=rng.choice(np.flatnonzero(world.people.opened < 0), 2, replace=False),
            )
            for _ in range(gangs)
        ]

    def gang(self, world: Society, rng: np.random.Generator) -> Gang:
        """Draw a gang; now and then it has just bought a new phone."""
        gang = self._gangs[int(rng.integers(len(self._gangs)))]
        if rng.random() < 0.2:
            return replace(gang, devices=world.gear.devices.new(1))
        return gang


def victims(world: Society, rng: np.random.Generator, day: int, count: int) -> NDArray[np.int64]:
    """Draw different people whose accounts are open on a day; who pays often falls victim often."""
    people = np.flatnonzero((world.people.opened <= day) & ~world.people.is_employer)
    weight = world.people.rate[people] / world.people.rate[people].sum()
    return rng.choice(people, min(count, len(people)), replace=False, p=weight)


def modest_merchants(
    world: Society, rng: np.random.Generator, day: int, city: int, count: int, *, seeing: bool = False
) -> NDArray[np.int64]:
    """Draw little-known merchants that are open on a day, in a city or online.

    With ``seeing``, only such as pass on devices and addresses.
    """
    merchants = world.merchants
    seen = ~merchants.blind if seeing else np.ones(len(merchants), bool)
    there = seen & ((merchants.city == city) | merchants.online) & (merchants.opened <= day)
    pool = np.flatnonzero(there & (merchants.popularity > 0))
    modest = pool[merchants.popularity[pool] <= np.quantile(merchants.popularity[pool], 0.55)]
    return rng.choice(modest, min(count, len(modest)), replace=False)


def spread(
    world: Society, rng: np.random.Generator, who: NDArray[np.int64], day: int, length: int
) -> NDArray[np.int64]:
    """Draw a usual hour of each person on some day of a span."""
    days = day + rng.integers(max(length, 1), size=len(who))
    local = usual_hours(rng, world.people.profile[who], world.calendar.weekend(days))
    return world.at_local(days, local, world.people.city[who])


def marked(batch: Batch, kind: str, rows: ArrayLike = True) -> Batch:
    """Mark rows (all by default) as fraud of a kind."""
    code = np.where(np.broadcast_to(rows, len(batch)), kind_code(kind), batch.kind)
    return replace(batch, kind=code.astype(np.int8))


def market_on(world: Society, day: int) -> Market:
    """Return the market of a day."""
    return Market(world.merchants, len(world.cities), day)


def through_gang(
    world: Society, rng: np.random.Generator, batch: Batch, gang: Gang, rows: NDArray[np.bool_]
) -> Batch:
    """Move the online payments among ``rows`` to a device and an address of the gang.

    The position, if any is told, is then near the gang's city.
    """
    moved = rows & ((batch.channel == ONLINE) | (batch.counterparty != NONE))
    count = len(batch)
    known = rng.random(count) > 0.35
    latitude = np.where(known, world.cities.latitude[gang.city] + rng.normal(0, 0.1, count), np.nan)
    longitude = np.where(known, world.cities.longitude[gang.city] + rng.normal(0, 0.12, count), np.nan)
    device = rng.choice(rng.choice(gang.devices, 2), count)
    return replace(
        batch,
        device=np.where(moved, device, batch.device).astype(np.int32),
        ip=np.where(moved, rng.choice(gang.ips, count), batch.ip).astype(np.int32),
        latitude=np.where(moved, latitude, batch.latitude),
        longitude=np.where(moved, longitude, batch.longitude),
    )
