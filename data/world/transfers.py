"""Money between people: family and friends, sales to strangers, bills split and settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.world.batch import DAY, HOUR, TRANSFER, Batch
from data.world.habits import usual_hours
from data.world.population import FRIENDS
from data.world.society import Society

__all__ = ["TRANSFER_RATE", "everyday_transfers", "next_usual_time", "sums", "transfer"]

TRANSFER_RATE = 0.13
"""Transfers to other people per purchase."""
_TO_STRANGERS = 0.3


def everyday_transfers(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Make one day's single transfers between people."""
    people = world.people
    rate = np.where(people.opened <= day, world.activity * people.rate * TRANSFER_RATE, 0.0)
    who = np.repeat(np.arange(len(people)), rng.poisson(rate))
    friend = people.friends[who, (FRIENDS * rng.random(len(who)) ** 1.5).astype(np.int64)]
    stranger = rng.integers(len(people), size=len(who))
    to = np.where(rng.random(len(who)) < _TO_STRANGERS, stranger, friend)
    allowed = (people.opened[to] <= day) & (to != who)
    who, to = who[allowed], to[allowed]
    local = usual_hours(rng, people.profile[who], np.full(len(who), bool(world.calendar.weekend(day))))
    return transfer(world, rng, who, to, world.at_local(day, local, people.city[who]), sums(rng, len(who)))


def sums(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw the sums that people send each other: half of them round."""
    raw = np.exp(4.0 + 1.0 * rng.standard_normal(count))
    five = np.maximum(np.round(raw / 5), 1) * 5
    return np.where(rng.random(count) < 0.5, five, np.maximum(np.round(raw, 2), 1.0))


def transfer(
    world: Society,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    to: NDArray[np.int64],
    time: NDArray[np.int64],
    amount: NDArray[np.float64],
    kind: ArrayLike = 0,
    ring: ArrayLike = -1,
) -> Batch:
    """Send money from people's usual devices, from where they live."""
    device, ip = world.gear.online(rng, who, time // DAY)
    latitude, longitude = world.whereabouts(rng, who, world.people.city[who])
    return Batch.of(
        time,
        who,
        amount,
        TRANSFER,
        counterparty=to,
        device=device,
        ip=ip,
        latitude=latitude,
        longitude=longitude,
        kind=kind,
        ring=ring,
    )


def next_usual_time(
    world: Society, rng: np.random.Generator, who: NDArray[np.int64], after: NDArray[np.int64], days: float
) -> NDArray[np.int64]:
    """Draw a usual hour of each person within so many days (exponential) after a time."""
    due = after + (rng.exponential(days, len(who)) * DAY).astype(np.int64)
    day = due // DAY
    local = usual_hours(rng, world.people.profile[who], world.calendar.weekend(day))
    at = world.at_local(day, local, world.people.city[who])
    return np.where(at > after, at, after + (rng.exponential(3.0, len(who)) * HOUR).astype(np.int64))
