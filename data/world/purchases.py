"""Everyday purchases: shopping trips, cash, refunds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.world.batch import ATM, CARD_PRESENT, DAY, HOUR, NONE, ONLINE, REFUND, Batch
from data.world.habits import jitter, pay_rhythm, usual_hours
from data.world.merchants import Market
from data.world.population import FAVOURITES
from data.world.society import Society

__all__ = [
    "CASH_RATE",
    "EXTRA_STOPS",
    "REFUND_RATE",
    "buy",
    "cash",
    "everyday",
    "refund",
    "refunds",
    "withdraw",
]

EXTRA_STOPS = 0.35
"""Mean number of further purchases on the same shopping trip."""
CASH_RATE = 0.05
"""Cash withdrawals per purchase."""
REFUND_RATE = 0.015
"""Refunds per purchase."""
_FAVOURITE = 0.6
_ALSO_ONLINE = 0.22


def everyday(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Make one day's purchases, with the cash withdrawals and refunds that go with them."""
    people = world.people
    rhythm = pay_rhythm(world.calendar, day)[people.schedule]
    weekend = bool(world.calendar.weekend(day))
    rate = world.activity * people.rate * rhythm * (people.weekend if weekend else 1.0)
    rate = np.where(people.opened <= day, rate, 0.0)
    trips = np.repeat(np.arange(len(people)), rng.poisson(rate / (1 + EXTRA_STOPS)))
    stops = 1 + rng.poisson(EXTRA_STOPS, len(trips))
    trip = np.repeat(np.arange(len(trips)), stops)
    later = np.concatenate([[False], trip[1:] == trip[:-1]]) if len(trip) else np.zeros(0, bool)

    city = world.trips.city_on(day, people.city)
    local = usual_hours(rng, people.profile[trips], np.full(len(trips), weekend))
    start = world.at_local(day, local, city[trips])[trip]
    time = start + np.where(later, jitter(rng, len(trip), 25.0), 0)
    who = trips[trip]
    market = Market(world.merchants, len(world.cities), day)
    bought = buy(world, market, rng, who, np.minimum(time, day * DAY + DAY - 1), city[who])
    return Batch.join([bought, cash(world, day, rng, city), refunds(world, day, rng, bought)])


def buy(
    world: Society,
    market: Market,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    time: NDArray[np.int64],
    city: NDArray[np.int64],
) -> Batch:
    """Let people buy as they are used to: favourite merchants, or what the city and the net offer.

    ``city`` is where each of them is at that time.
    """
    people, merchants = world.people, world.merchants
    at_home = city == people.city[who]
    favourite = people.favourites[who, (FAVOURITES * rng.random(len(who)) ** 1.8).astype(np.int64)]
    known = (rng.random(len(who)) < _FAVOURITE) & (merchants.opened[favourite] * DAY <= time)
    known &= at_home | merchants.online[favourite]
    explored = market.find(rng, np.where(rng.random(len(who)) < people.online[who], NONE, city))
    merchant = np.where(known, favourite, explored)

    from_afar = merchants.also_online[merchant] & (rng.random(len(who)) < _ALSO_ONLINE)
    online = merchants.online[merchant] | from_afar
    day = time // DAY
    device, ip = world.gear.online(rng, who, day, np.where(at_home, NONE, city))
    tapped = rng.random(len(who)) < people.wallet[who]
    latitude, longitude = world.whereabouts(rng, who, city)
    shop_noise = rng.normal(0, 0.003, (2, len(who)))
    return Batch.of(
        time,
        who,
        merchants.amounts(rng, merchant, people.taste[who]),
        np.where(online, ONLINE, CARD_PRESENT),
        merchant=merchant,
        device=np.where(online, device, np.where(tapped, world.gear.carried(who, day), NONE)),
        ip=np.where(online, ip, NONE),
        latitude=np.where(online, latitude, merchants.latitude[merchant] + shop_noise[0]),
        longitude=np.where(online, longitude, merchants.longitude[merchant] + shop_noise[1]),
    )


def cash(world: Society, day: int, rng: np.random.Generator, city: NDArray[np.int64]) -> Batch:
    """Make one day's cash withdrawals."""
    people = world.people
    rate = np.where(people.opened <= day, world.activity * people.rate * CASH_RATE, 0.0)
    who = np.repeat(np.arange(len(people)), rng.poisson(rate))
    local = usual_hours(rng, people.profile[who], np.full(len(who), bool(world.calendar.weekend(day))))
    return withdraw(world, rng, who, world.at_local(day, local, city[who]), city[who])


def withdraw(
    world: Society,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    time: NDArray[np.int64],
    city: NDArray[np.int64],
    wanted: NDArray[np.float64] | None = None,
) -> Batch:
    """Let people draw cash, in twenties, at the machine of a city: sums near ``wanted``, else usual ones."""
    machine = world.merchants.cash_machine[city]
    about = np.exp(4.4 + 0.6 * rng.standard_normal(len(who))) if wanted is None else wanted
    amount = np.maximum(np.round(about / 20), 1) * 20
    noise = rng.normal(0, 0.05, (2, len(who)))
    return Batch.of(
        time,
        who,
        amount,
        ATM,
        merchant=machine,
        latitude=world.merchants.latitude[machine] + noise[0],
        longitude=world.merchants.longitude[machine] + noise[1],
    )


def refunds(world: Society, day: int, rng: np.random.Generator, bought: Batch) -> Batch:
    """Refund some of the day's purchases within the following two weeks, by the channel of the purchase."""
    back = bought.take(rng.random(len(bought)) < REFUND_RATE)
    return refund(world, rng, back, 0.2, 14.0)


def refund(world: Society, rng: np.random.Generator, back: Batch, soonest: float, latest: float) -> Batch:
    """Refund purchases some days later (uniform between two bounds), fully or in part."""
    delay = ((soonest + (latest - soonest) * rng.random(len(back))) * DAY).astype(np.int64)
    due = back.time + delay
    local = usual_hours(rng, world.people.profile[back.account], world.calendar.weekend(due // DAY))
    city = world.people.city[back.account]
    at = world.at_local(due // DAY, local, city)
    part = np.where(rng.random(len(back)) < 0.7, 1.0, 0.2 + 0.7 * rng.random(len(back)))
    return Batch.of(
        np.maximum(at, back.time + HOUR),
        back.account,
        np.maximum(np.round(back.amount * part, 2), 0.5),
        REFUND,
        merchant=back.merchant,
        device=back.device,
        ip=back.ip,
        latitude=back.latitude,
        longitude=back.longitude,
    )
