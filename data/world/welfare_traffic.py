"""Honest welfare payments: benefits credited, cash drawn at agents, small purchases and transfers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.world.batch import ATM as CASH
from data.world.batch import CARD_PRESENT, DAY, HOUR, MINUTE, ONLINE, TRANSFER, Batch
from data.world.india import SCHEMES
from data.world.welfare_society import WelfareSociety

__all__ = ["benefits", "credit", "draw", "own_payments", "rupees", "send"]

_DRAWS_CREDIT = 0.7
_OWN = (0.55, 0.2, 0.25)
"""Shares of cash, purchases and transfers among people's own payments."""


def benefits(world: WelfareSociety, day: int, rng: np.random.Generator) -> Batch:
    """Credit the benefits due on a day; most people draw the money at an agent within days."""
    people = world.people
    period = np.array([s.period for s in SCHEMES])
    due = people.enrolled & ((day - people.phase) % period == 0) & (people.opened <= day)[:, None]
    who, scheme = np.nonzero(due)
    paid = credit(world, rng, who, scheme, day)
    draws = rng.random(len(who)) < _DRAWS_CREDIT
    collector, due_day = who[draws], (paid.time[draws] + rng.exponential(3.0, int(draws.sum())) * DAY) // DAY
    time = np.maximum(world.daytime(rng, collector, due_day.astype(np.int64)), paid.time[draws] + 30 * MINUTE)
    amount = np.maximum(np.round(paid.amount[draws] * rng.uniform(0.5, 1.0, len(collector)) / 100), 1) * 100
    return Batch.join([paid, draw(world, rng, collector, usual_agent(world, rng, collector), time, amount)])


def credit(
    world: WelfareSociety,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    scheme: NDArray[np.int64],
    day: NDArray[np.int64] | int,
) -> Batch:
    """Pay people a benefit of a scheme each, in the morning of a day, from the scheme's treasury."""
    people = world.people
    varied = np.where(scheme == 1, np.exp(0.25 * rng.standard_normal(len(who))), 1.0)
    return Batch.of(
        np.asarray(day) * DAY + ((4 + 5 * rng.random(len(who))) * HOUR).astype(np.int64),
        world.treasury[scheme],
        np.round(people.benefit[who, scheme] * varied),
        TRANSFER,
        counterparty=who,
        latitude=people.latitude[who] + rng.normal(0, 0.02, len(who)),
        longitude=people.longitude[who] + rng.normal(0, 0.02, len(who)),
    )


def usual_agent(world: WelfareSociety, rng: np.random.Generator, who: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose the agent to whom each person goes today."""
    return world.people.agent[who, (rng.random(len(who)) < 0.2).astype(np.int64)]


def rupees(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw sums of cash in hundreds."""
    return np.maximum(np.round(np.exp(6.6 + 0.75 * rng.standard_normal(count)) / 100), 1) * 100


def draw(
    world: WelfareSociety,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    agent: NDArray[np.int64],
    time: NDArray[np.int64],
    amount: NDArray[np.float64],
) -> Batch:
    """Draw cash at agents, on one of the agent's devices."""
    noise = rng.normal(0, 0.003, (2, len(who)))
    return Batch.of(
        time,
        who,
        amount,
        CASH,
        merchant=agent,
        device=world.agents.device[agent, rng.integers(2, size=len(who))],
        ip=world.agents.ip[agent],
        latitude=world.agents.latitude[agent] + noise[0],
        longitude=world.agents.longitude[agent] + noise[1],
    )


def send(
    world: WelfareSociety,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    to: NDArray[np.int64],
    time: NDArray[np.int64],
    amount: NDArray[np.float64],
) -> Batch:
    """Send money by phone."""
    people = world.people
    noise = rng.normal(0, 0.02, (2, len(who)))
    return Batch.of(
        time,
        who,
        amount,
        TRANSFER,
        counterparty=to,
        device=people.phone[who],
        ip=people.ip[who],
        latitude=people.latitude[who] + noise[0],
        longitude=people.longitude[who] + noise[1],
    )


def own_payments(world: WelfareSociety, day: int, rng: np.random.Generator) -> Batch:
    """Make people's own payments of a day: cash at agents, purchases, transfers."""
    people = world.people
    rate = np.where((people.opened <= day) & people.eligible, world.activity * people.rate, 0.0)
    who = np.repeat(np.arange(len(rate)), rng.poisson(rate))
    what = rng.choice(len(_OWN), len(who), p=_OWN)
    time = world.daytime(rng, who, day)
    drawing, buying, sending = (what == 0), (what == 1), (what == 2)
    cash = draw(
        world,
        rng,
        who[drawing],
        usual_agent(world, rng, who[drawing]),
        time[drawing],
        rupees(rng, int(drawing.sum())),
    )
    return Batch.join(
        [
            cash,
            _purchases(world, rng, who[buying], time[buying]),
            _family_transfers(world, rng, who[sending], time[sending], day),
        ]
    )


def _purchases(
    world: WelfareSociety, rng: np.random.Generator, who: NDArray[np.int64], time: NDArray[np.int64]
) -> Batch:
    people = world.people
    shop = people.shop[who, rng.integers(3, size=len(who))]
    place = shop - len(world.agents)
    by_phone = rng.random(len(who)) < 0.5
    noise = rng.normal(0, 0.003, (2, len(who)))
    return Batch.of(
        time,
        who,
        np.maximum(np.round(np.exp(5.6 + 0.9 * rng.standard_normal(len(who)))), 5.0),
        np.where(by_phone, ONLINE, CARD_PRESENT),
        merchant=shop,
        device=np.where(by_phone, people.phone[who], -1),
        ip=np.where(by_phone, people.ip[who], -1),
        latitude=world.shop_latitude[place] + noise[0],
        longitude=world.shop_longitude[place] + noise[1],
    )


def _family_transfers(
    world: WelfareSociety, rng: np.random.Generator, who: NDArray[np.int64], time: NDArray[np.int64], day: int
) -> Batch:
    """Send to one of a few relatives, who are the same for each person throughout."""
    count = len(world.people.opened)
    step = 1 + (rng.integers(4, size=len(who)) * 7919) % max(count // 2, 1)
    to = (who + step) % count
    allowed = world.people.eligible[to] & (world.people.opened[to] <= day) & (to != who)
    amount = np.maximum(np.round(np.exp(6.2 + 0.9 * rng.standard_normal(len(who))) / 10), 1) * 10
    return send(world, rng, who[allowed], to[allowed], time[allowed], amount[allowed])
