"""Frauds with a whole account: taken over, talked into paying, refunds claimed without cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.world.batch import ONLINE, Batch, cents
from data.world.habits import jitter
from data.world.purchases import buy, refund
from data.world.society import Society
from data.world.transfers import sums, transfer
from data.world.underworld import Underworld, marked, market_on, spread, through_gang, victims

__all__ = ["account_takeover", "refund_abuse", "unusual_amount"]


def account_takeover(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Act as the victim, by a gang's device or remotely by the victim's own: transfers to mules, and purchases."""
    gang = underworld.gang(world, rng)
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(3, 8)))
    time = spread(world, rng, who[:1], day, 1) + np.cumsum(jitter(rng, len(who), float(rng.uniform(10, 120))))
    mules = gang.mules[gang.mules != who[0]]
    sent = transfer(world, rng, who, rng.choice(mules, len(who)), time, sums(rng, len(who)))
    bought = buy(world, market_on(world, day), rng, who, time, world.people.city[who])
    bought = replace(bought, channel=np.full(len(who), ONLINE, np.int8))
    sends = rng.random(len(who)) < 0.4
    mixed = Batch.join([sent.take(sends), bought.take(~sends)])
    taken = through_gang(world, rng, mixed, gang, np.ones(len(who), bool))
    if rng.random() < 0.45:
        taken = replace(taken, device=mixed.device)
    return marked(taken, "account_takeover")


def unusual_amount(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Make one to three payments far above what the person usually pays, from the person's own device."""
    del underworld
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(1, 4)))
    time = np.sort(spread(world, rng, who, day, 3))
    bought = buy(world, market_on(world, day), rng, who, time, world.people.city[who])
    factor, ceiling = rng.uniform(5, 15, len(who)), rng.uniform(2500, 5000, len(who))
    raised = np.maximum(np.minimum(bought.amount * factor, ceiling), bought.amount)
    return marked(replace(bought, amount=cents(raised)), "unusual_amount")


def refund_abuse(world: Society, underworld: Underworld, rng: np.random.Generator, day: int) -> Batch:
    """Buy honestly at a few merchants and claim most of it back; the claims are the fraud."""
    del underworld
    who = np.repeat(victims(world, rng, day, 1), int(rng.integers(5, 12)))
    time = np.sort(spread(world, rng, who, day, 10))
    bought = buy(world, market_on(world, day), rng, who, time, world.people.city[who])
    merchant = rng.choice(bought.merchant[:2], len(who))
    amount = world.merchants.amounts(rng, merchant, world.people.taste[who])
    bought = replace(bought, merchant=merchant, amount=amount, channel=np.full(len(who), ONLINE, np.int8))
    claims = refund(world, rng, bought.take(rng.random(len(who)) < 0.8), 0.5, 9.0)
    return Batch.join([bought, marked(claims, "refund_abuse")])
