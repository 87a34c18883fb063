"""Honest crowds that look like rings: flash sales, collections, pots paid out, bills settled in a circle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, HOUR, NONE, ONLINE, Batch
from data.world.habits import usual_hours
from data.world.population import FRIENDS
from data.world.society import Society
from data.world.transfers import next_usual_time, sums, transfer

__all__ = ["circles", "collections", "flash_sales", "gatherings", "lunch_queue"]

# Events per day and open account
_FLASH_SALES = 1 / 6000
_COLLECTIONS = 1 / 4500
_CIRCLES = 1 / 1500


def gatherings(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Make the crowds that form on a day; some of their payments fall on later days."""
    makers = (flash_sales, collections, circles, lunch_queue)
    return Batch.join([make(world, day, rng) for make in makers])


def _events(world: Society, day: int, rng: np.random.Generator, rate: float) -> int:
    return int(rng.poisson(rate * len(world.open_accounts(day)) * min(world.activity, 3.0)))


def flash_sales(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let many strangers buy at one small online shop within three hours."""
    shops = np.flatnonzero(world.merchants.also_online & (world.merchants.opened <= day))
    batches = []
    for _ in range(_events(world, day, rng, _FLASH_SALES)):
        crowd = int(rng.integers(8, 40))
        who = rng.choice(world.open_accounts(day), crowd)
        shop = np.full(crowd, rng.choice(shops))
        opening = day * DAY + int(rng.integers(14 * HOUR, 20 * HOUR))
        device, ip = world.gear.online(rng, who, day)
        latitude, longitude = world.whereabouts(rng, who, world.people.city[who])
        batches.append(
            Batch.of(
                opening + (rng.random(crowd) * 3 * HOUR).astype(np.int64),
                who,
                world.merchants.amounts(rng, shop, world.people.taste[who]),
                ONLINE,
                merchant=shop,
                device=device,
                ip=ip,
                latitude=latitude,
                longitude=longitude,
            )
        )
    return Batch.join(batches)


def collections(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let treasurers collect from many people for a gift or a club, and pay the sum on, or a pot out to many."""
    batches = []
    for _ in range(_events(world, day, rng, _COLLECTIONS)):
        treasurer = int(rng.choice(world.open_accounts(day)))
        others = _acquaintances(world, rng, treasurer, int(rng.integers(5, 14)), day)
        if not len(others):
            continue
        start = np.full(len(others), day * DAY + 7 * HOUR)
        each = np.where(rng.random(len(others)) < 0.7, sums(rng, 1)[0], sums(rng, len(others)))
        hub = np.full(len(others), treasurer)
        if rng.random() < 0.3:
            time = next_usual_time(world, rng, hub, start, 0.3)
            batches.append(transfer(world, rng, hub, others, time, each))
            continue
        time = next_usual_time(world, rng, others, start, 1.5)
        batches.append(transfer(world, rng, others, hub, time, each))
        if rng.random() < 0.6:
            payee = rng.choice(world.open_accounts(day), 1)
            on = next_usual_time(world, rng, hub[:1], np.array([time.max()]), 1.0)
            batches.append(transfer(world, rng, hub[:1], payee, on, np.array([each.sum()])))
    return Batch.join(batches)


def circles(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let two to four friends settle bills in a circle over some days: a legitimate round trip."""
    batches = []
    for _ in range(_events(world, day, rng, _CIRCLES)):
        first = int(rng.choice(world.open_accounts(day)))
        ring = _acquaintances(world, rng, first, int(rng.choice([1, 1, 1, 2, 3])), day)
        members = np.concatenate([[first], ring])
        if len(members) < 2:
            continue
        time = np.array([day * DAY + 7 * HOUR])
        due = sums(rng, 1)
        for payer, payee in zip(members, np.roll(members, -1), strict=True):
            time = next_usual_time(world, rng, np.array([payer]), time, 0.8)
            amount = np.maximum(np.round(due * np.exp(rng.normal(0, 0.25, 1)), 2), 1.0)
            batches.append(transfer(world, rng, np.array([payer]), np.array([payee]), time, amount))
    return Batch.join(batches)


def _acquaintances(
    world: Society, rng: np.random.Generator, person: int, count: int, day: int
) -> NDArray[np.int64]:
    """Draw friends and friends of friends who have an account by a day."""
    friends = world.people.friends[person]
    wider = world.people.friends[friends].ravel()
    pool = np.unique(np.concatenate([friends, wider]))
    pool = pool[(world.people.opened[pool] <= day) & (pool != person)]
    close = np.intersect1d(friends, pool)
    if count <= FRIENDS // 2 and len(close) >= count:
        pool = close
    return rng.choice(pool, min(count, len(pool)), replace=False) if len(pool) else pool


def lunch_queue(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let colleagues order from one small restaurant through the office network: a legitimate dense block."""
    people = world.people
    if bool(world.calendar.weekend(day)):
        return Batch.empty()
    works = (people.employer != NONE) & (people.opened <= day)
    orders = works & (rng.random(len(people)) < 0.02 * min(world.activity, 3.0))
    who = np.flatnonzero(orders)
    shop = people.favourites[people.employer[who], 0]
    local = usual_hours(rng, people.profile[who], np.zeros(len(who), bool)) % HOUR + 12 * HOUR
    latitude, longitude = world.whereabouts(rng, who, people.city[who])
    return Batch.of(
        world.at_local(day, local, people.city[who]),
        who,
        world.merchants.amounts(rng, shop, people.taste[who]),
        ONLINE,
        merchant=shop,
        device=world.gear.carried(who, day),
        ip=world.gear.work_ip[who],
        latitude=latitude,
        longitude=longitude,
    )
