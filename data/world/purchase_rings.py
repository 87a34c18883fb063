"""Rings that buy: shared devices at a colluding merchant, bust-outs, merchant-buyer blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.world.batch import CARD_PRESENT, DAY, NONE, ONLINE, Batch
from data.world.purchases import buy
from data.world.rings import Crew
from data.world.society import Society
from data.world.underworld import marked, market_on, modest_merchants, spread

__all__ = ["bust_out", "merchant_block", "shared_device"]


def shared_device(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Let members buy at a colluding merchant from a few shared devices, which they also use for real purchases."""
    members = crew.members(rng, 4, 11)
    city = int(world.people.city[members[0]])
    shop = modest_merchants(world, rng, crew.day, city, 1, seeing=True)
    devices = _ring_devices(world, rng, members, 1 + len(members) // 4)
    ips = np.concatenate([world.gear.ips.new(1), rng.choice(world.gear.mobile_ip, 2)])
    crew.collude(merchants=shop, devices=devices)

    who = np.repeat(members, rng.integers(3, 8, len(members)))
    bought = _at(world, rng, who, np.repeat(shop, len(who)), spread(world, rng, who, crew.day, crew.length))
    shared = rng.random(len(who)) < 0.75
    bought = replace(
        bought,
        device=np.where(shared, devices[who % len(devices)], bought.device).astype(np.int32),
        ip=np.where(shared & (bought.channel == ONLINE), rng.choice(ips, len(who)), bought.ip).astype(
            np.int32
        ),
    )
    cover = np.repeat(members, rng.integers(1, 4, len(members)))
    warm_up = max(crew.day - 6, 0)
    honest = buy(
        world,
        market_on(world, warm_up),
        rng,
        cover,
        spread(world, rng, cover, warm_up, crew.length + crew.day - warm_up),
        world.people.city[cover],
    )
    has_device = honest.device != NONE
    honest = replace(
        honest, device=np.where(has_device, devices[cover % len(devices)], NONE).astype(np.int32)
    )
    return Batch.join([marked(bought, "shared_device"), honest])


def merchant_block(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Let a block of buyers buy at nearly all of a few merchants, from their own devices, to feign popularity.

    Some of it comes through two shared addresses.
    """
    members = crew.members(rng, 6, 15)
    city = int(world.people.city[members[0]])
    shops = modest_merchants(world, rng, crew.day, city, int(rng.integers(2, 5)))
    crew.collude(merchants=shops)
    pairs = np.argwhere(rng.random((len(members), len(shops))) < 0.75)
    pairs = np.repeat(pairs, rng.integers(1, 3, len(pairs)), axis=0)
    who = members[pairs[:, 0]]
    time = spread(world, rng, who, crew.day, 2 + crew.length // 2)
    bought = _at(world, rng, who, shops[pairs[:, 1]], time)
    farm = world.gear.ips.new(2)
    farmed = (bought.channel == ONLINE) & (rng.random(len(who)) < 0.45)
    bought = replace(bought, ip=np.where(farmed, rng.choice(farm, len(who)), bought.ip).astype(np.int32))
    return marked(bought, "merchant_block")


def bust_out(world: Society, rng: np.random.Generator, crew: Crew) -> Batch:
    """Open accounts on invented names, use them honestly for weeks, then spend all there is within days.

    The accounts share phones and, in part, an address from the start, so their honest weeks show it too.
    """
    members = crew.newcomers(rng, 3, 9)
    devices = world.gear.devices.new(max(1, len(members) // 3))
    own = devices[np.arange(len(members)) % len(devices)]
    world.gear.phone[members] = world.gear.tablet[members] = own
    world.gear.browsers[members] = own[:, None]
    world.gear.phone_change[members] = np.inf
    together = members[rng.random(len(members)) < 0.5]
    world.gear.home_ip[together] = world.gear.home_ip[members[0]]
    crew.collude(devices=devices)

    who = np.repeat(members, rng.integers(4, 8, len(members)))
    time = spread(world, rng, who, crew.day, int(rng.integers(1, 4)))
    bought = buy(world, market_on(world, crew.day), rng, who, time, world.people.city[who])
    fences = modest_merchants(world, rng, crew.day, int(world.people.city[members[0]]), 4)
    resold = _at(world, rng, who, rng.choice(fences, len(who)), time)
    at_fence = rng.random(len(who)) < 0.6
    spent = Batch.join([resold.take(at_fence), bought.take(~at_fence)])
    raised = np.round(spent.amount * rng.uniform(1.0, 2.0, len(who)), 2)
    return marked(replace(spent, amount=raised), "bust_out")


def _ring_devices(
    world: Society, rng: np.random.Generator, members: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return devices for a ring: some bought for it, some that a member has long used."""
    bought = world.gear.devices.new(count)
    return np.where(rng.random(count) < 0.5, world.gear.phone[rng.choice(members, count)], bought)


def _at(
    world: Society,
    rng: np.random.Generator,
    who: NDArray[np.int64],
    merchant: NDArray[np.int64],
    time: NDArray[np.int64],
) -> Batch:
    """Let people buy at given merchants as any customer would."""
    merchants, city = world.merchants, world.people.city[who]
    at_counter = (merchants.city[merchant] == city) & (rng.random(len(who)) < 0.6)
    device, ip = world.gear.online(rng, who, time // DAY)
    latitude, longitude = world.whereabouts(rng, who, city)
    noise = rng.normal(0, 0.003, (2, len(who)))
    tapped = rng.random(len(who)) < world.people.wallet[who]
    phone = world.gear.carried(who, time // DAY)
    return Batch.of(
        time,
        who,
        merchants.amounts(rng, merchant, world.people.taste[who]),
        np.where(at_counter, CARD_PRESENT, ONLINE),
        merchant=merchant,
        device=np.where(at_counter, np.where(tapped, phone, NONE), device),
        ip=np.where(at_counter, NONE, ip),
        latitude=np.where(at_counter, merchants.latitude[merchant] + noise[0], latitude),
        longitude=np.where(at_counter, merchants.longitude[merchant] + noise[1], longitude),
    )
