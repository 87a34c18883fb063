"""Regular payments: salaries, rents, subscriptions."""

from __future__ import annotations

import numpy as np

from data.world.batch import DAY, HOUR, MINUTE, NONE, ONLINE, TRANSFER, Batch
from data.world.society import Society

__all__ = ["bills", "rents", "salaries", "standing_payments"]

_PAY_SLIP_VARIES = 0.15
_VARIED_BY = 0.06


def standing_payments(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Make the payments that fall due on a day."""
    return Batch.join([salaries(world, day, rng), rents(world, day, rng), bills(world, day, rng)])


def salaries(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let employers pay everybody whose pay day it is, within two hours of one morning: a legitimate fan-out."""
    people = world.people
    due = (people.employer != NONE) & (people.opened <= day) & world.calendar.pays(day)[people.schedule]
    who = np.flatnonzero(due)
    payer = people.employer[who]
    opening = 11 * HOUR + (payer * 7919 % 180) * MINUTE
    time = day * DAY + opening + (rng.random(len(who)) * 2 * HOUR).astype(np.int64)
    varied = rng.random(len(who)) < _PAY_SLIP_VARIES
    factor = np.where(varied, np.exp(rng.normal(0, _VARIED_BY, len(who))), 1.0)
    fortnight = np.where(people.schedule[who] >= 4, 0.5, 1.0)
    return Batch.of(
        time,
        payer,
        np.round(people.income[who] * factor * fortnight, 2),
        TRANSFER,
        counterparty=who,
        device=world.gear.phone[payer],
        ip=world.gear.home_ip[payer],
    )


def rents(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Let tenants pay their landlords in the first days of a month: a legitimate fan-in."""
    people = world.people
    due = (people.landlord != NONE) & (people.opened <= day)
    who = np.flatnonzero(due & (people.rent_day == world.calendar.date(day).day))
    device, ip = world.gear.online(rng, who, day)
    return Batch.of(
        day * DAY + ((8 + 14 * rng.random(len(who))) * HOUR).astype(np.int64),
        who,
        people.rent[who],
        TRANSFER,
        counterparty=people.landlord[who],
        device=device,
        ip=ip,
    )


def bills(world: Society, day: int, rng: np.random.Generator) -> Batch:
    """Charge the subscriptions due on a day: fixed amounts, at night, without a device."""
    people = world.people
    due = (people.biller != NONE) & (people.bill_day == world.calendar.date(day).day)
    who, number = np.nonzero(due & (people.opened <= day)[:, None])
    biller = people.biller[who, number]
    running = world.merchants.opened[biller] <= day
    who, number, biller = who[running], number[running], biller[running]
    return Batch.of(
        day * DAY + ((6 + 5 * rng.random(len(who))) * HOUR).astype(np.int64),
        who,
        people.bill[who, number],
        ONLINE,
        merchant=biller,
    )
