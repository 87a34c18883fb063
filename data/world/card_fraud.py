"""Frauds with other people's cards: used up, tested, drained in a burst, used at night."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.world.batch import CARD_PRESENT, DAY, HOUR, NONE, ONLINE, Batch
from data.world.habits import jitter, quiet_hours
from data.world.purchases import buy
from data.world.society import Society
from data.world.underworld import Underworld, marked, market_on, spread, through_gang, victims

__all__ = ["burst", "card_testing", "off_hours", "stolen_card"]


def stolen_card(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Buy with a stolen card for up to three days, elsewhere or online, where the holder never was."""
    gang = underworld.gang(world, rng)
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(3, 9)))
    time = np.sort(spread(world, rng, who, day, int(rng.integers(1, 4))))
    bought = buy(world, market_on(world, day), rng, who, time, np.full(len(who), gang.city))
    cloned = replace(
        bought, device=np.where(bought.channel == CARD_PRESENT, NONE, bought.device).astype(np.int32)
    )
    return marked(through_gang(world, rng, cloned, gang, np.ones(len(who), bool)), "stolen_card")


def card_testing(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Try many cards with small purchases at one cheap online merchant within hours.

    The devices are the gang's, or emulated ones, a new one for each card.
    """
    gang = underworld.gang(world, rng)
    merchants = world.merchants
    online = np.flatnonzero(merchants.online & (merchants.opened <= day))
    cheap = online[merchants.log_price[online] <= np.quantile(merchants.log_price[online], 0.4)]
    who = victims(world, rng, day, int(rng.integers(8, 22)))
    shop = np.full(len(who), rng.choice(cheap))
    start = spread(world, rng, who[:1], day, 1)
    time = start + np.cumsum(jitter(rng, len(who), float(rng.uniform(5, 60))))
    amount = merchants.amounts(rng, shop, world.people.taste[who])
    tested = through_gang(
        world, rng, Batch.of(time, who, amount, ONLINE, merchant=shop), gang, np.ones(len(who), bool)
    )
    if rng.random() < 0.25:
        emulated = world.gear.devices.new(len(who)).astype(np.int32)
        tested = replace(tested, device=emulated, ip=world.gear.mobile_ip[who].astype(np.int32))
    return marked(tested, "card_testing")


def burst(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Pay many times within an hour or so from one account."""
    gang = underworld.gang(world, rng)
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(6, 14)))
    time = spread(world, rng, who[:1], day, 1) + np.cumsum(jitter(rng, len(who), float(rng.uniform(3, 9))))
    bought = buy(world, market_on(world, day), rng, who, time, world.people.city[who])
    return marked(through_gang(world, rng, bought, gang, np.full(len(who), rng.random() < 0.4)), "burst")


def off_hours(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Pay at hours at which the holder sleeps, in one night or two."""
    gang = underworld.gang(world, rng)
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(3, 8)))
    nights = day + rng.integers(int(rng.integers(1, 3)), size=len(who))
    local = quiet_hours(rng, world.people.profile[who], world.calendar.weekend(nights))
    time = world.at_local(nights, local, world.people.city[who])
    bought = buy(
        world,
        market_on(world, day),
        rng,
        who,
        np.minimum(time, (day + 3) * DAY - HOUR),
        world.people.city[who],
    )
    return marked(through_gang(world, rng, bought, gang, np.full(len(who), rng.random() < 0.5)), "off_hours")
