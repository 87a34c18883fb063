"""Rings that move money: mules, scatter-gather, round trips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.world.batch import Batch
from data.world.purchases import withdraw
from data.world.rings import Crew
from data.world.society import Society
from data.world.transfers import next_usual_time, sums, transfer
from data.world.underworld import marked, spread

__all__ = ["mule_fan_in", "mule_fan_out", "round_trip", "scatter_gather"]

_BY_CONTROLLER = 0.3


def mule_fan_in(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Let many accounts pay into one mule within days, who draws cash or sends it on; once or several times."""
    members = crew.members(rng, 6, 15)
    mule, payers = members[0], members[1:]
    batches = []
    for day in _campaigns(rng, crew, 3):
        taking_part = payers[rng.random(len(payers)) < 0.75]
        time = spread(world, rng, taking_part, day, int(rng.integers(1, 5)))
        hub = np.full(len(taking_part), mule)
        amount = sums(rng, len(time))
        batches.append(transfer(world, rng, taking_part, hub, time, amount))
        emptied = rng.random(len(hub)) < 0.35
        when = next_usual_time(world, rng, hub[emptied], time[emptied], 0.6)
        batches.append(_out(world, rng, hub[emptied], when, 2 * amount[emptied], crew))
    return _controlled(world, rng, marked(Batch.join(batches), "mule_fan_in"), crew)


def mule_fan_out(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Let one account pay many mules within days, most of whom draw the cash soon after."""
    members = crew.members(rng, 6, 14)
    payer, mules = members[0], members[1:]
    batches = []
    for day in _campaigns(rng, crew, 3):
        paid = mules[rng.random(len(mules)) < 0.75]
        source = np.full(len(paid), payer)
        time = spread(world, rng, source, day, int(rng.integers(1, 3)))
        amount = sums(rng, len(time))
        batches.append(transfer(world, rng, source, paid, time, amount))
        draws = rng.random(len(paid)) < 0.45
        when = next_usual_time(world, rng, paid[draws], time[draws], 0.5)
        batches.append(_out(world, rng, paid[draws], when, 0.95 * amount[draws], crew))
    return _controlled(world, rng, marked(Batch.join(batches), "mule_fan_out"), crew)


def scatter_gather(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Split a sum over intermediaries who pass it, less a fee, to one collector; once or several times."""
    members = crew.members(rng, 5, 11)
    source, sink, between = members[0], members[1], members[2:]
    batches = []
    for day in _campaigns(rng, crew, 3):
        via = between[rng.random(len(between)) < 0.85]
        first = spread(world, rng, np.full(len(via), source), day, 2)
        amount = sums(rng, len(via))
        batches.append(transfer(world, rng, np.full(len(via), source), via, first, amount))
        kept = np.maximum(np.round(amount * rng.uniform(0.9, 0.98, len(via)), 2), 1.0)
        then = next_usual_time(world, rng, via, first, 0.8)
        batches.append(transfer(world, rng, via, np.full(len(via), sink), then, kept))
    return _controlled(world, rng, marked(Batch.join(batches), "scatter_gather"), crew)


def round_trip(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Send a sum around a cycle of 3 to 8 accounts, each keeping a fee; several rounds."""
    members = crew.members(rng, 3, 8)
    batches = []
    for day in _campaigns(rng, crew, 6):
        time = spread(world, rng, members[:1], day, 1)
        amount = float(np.maximum(sums(rng, 1)[0] * 1.3, 5.0))
        for payer, payee in zip(members, np.roll(members, -1), strict=True):
            pair = np.array([payer]), np.array([payee])
            batches.append(transfer(world, rng, *pair, time, np.array([round(amount, 2)])))
            time = next_usual_time(world, rng, pair[1], time, 0.4)
            amount *= float(rng.uniform(0.95, 0.99))
    return marked(Batch.join(batches), "round_trip")


def _campaigns(rng: np.random.Generator, crew: Crew, most: int) -> NDArray[np.int64]:
    """Draw the days on which rounds of a ring start."""
    count = int(rng.integers(1, most + 1))
    last = max(crew.length - 3, 1)
    return np.sort(crew.day + rng.integers(last, size=count))


def _out(
    world: Society,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    time: NDArray[np.int64],
    amount: NDArray[np.float64],
    crew: Crew,
) -> Batch:
    """Take money out of the ring: cash, or a transfer to the person behind it."""
    cash = rng.random(len(who)) < 0.6
    drawn = withdraw(world, rng, who[cash], time[cash], world.people.city[who[cash]], amount[cash])
    boss = np.full(int((~cash).sum()), crew.boss(rng))
    kept = np.maximum(np.round(amount[~cash], 2), 1.0)
    return Batch.join([drawn, transfer(world, rng, who[~cash], boss, time[~cash], kept)])


def _controlled(world: Society, rng: np.random.Generator, batch: Batch, crew: Crew) -> Batch:
    """Let some mules be operated from one controller's device."""
    if rng.random() > 0.6:
        return batch
    device = world.gear.devices.new(1)
    crew.collude(devices=device)
    run = np.unique(batch.account)
    run = run[rng.random(len(run)) < 2 * _BY_CONTROLLER]
    moved = np.isin(batch.account, run) & (batch.ip >= 0)
    return replace(batch, device=np.where(moved, device[0], batch.device).astype(np.int32))
