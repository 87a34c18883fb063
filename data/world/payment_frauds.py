"""Which frauds the preset "payments" hides, and in what shares."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from data.world.account_fraud import account_takeover, refund_abuse, unusual_amount
from data.world.batch import Batch
from data.world.card_fraud import burst, card_testing, off_hours, stolen_card
from data.world.plan import FraudPlan, plan_frauds
from data.world.purchase_rings import bust_out, merchant_block, shared_device
from data.world.rings import Crew, Recruits
from data.world.society import Society
from data.world.streams import stream
from data.world.transfer_rings import mule_fan_in, mule_fan_out, round_trip, scatter_gather
from data.world.underworld import Underworld

__all__ = ["plan_payment_frauds"]

_RING_SHARE = 0.52
_FRAUDS_PER_GANG = 45.0
_SOLO = {
    "stolen_card": (0.28, stolen_card),
    "card_testing": (0.17, card_testing),
    "account_takeover": (0.17, account_takeover),
    "unusual_amount": (0.04, unusual_amount),
    "off_hours": (0.13, off_hours),
    "burst": (0.13, burst),
    "refund_abuse": (0.08, refund_abuse),
}
_RINGS = {
    "shared_device": (0.22, shared_device),
    "bust_out": (0.18, bust_out),
    "mule_fan_in": (0.1, mule_fan_in),
    "mule_fan_out": (0.1, mule_fan_out),
    "scatter_gather": (0.1, scatter_gather),
    "round_trip": (0.1, round_trip),
    "merchant_block": (0.2, merchant_block),
}


def plan_payment_frauds(world: Society, frauds: float) -> FraudPlan:
    """Plan about so many frauds for a world of payments."""
    people = world.people
    single = frauds * (1 - _RING_SHARE)
    gangs = max(3, round(single / _FRAUDS_PER_GANG))
    underworld = Underworld(world, stream(world.seed, "underworld"), gangs)
    return plan_frauds(
        seed=world.seed,
        days=world.days,
        recruits=Recruits(people.opened, people.city, ~people.is_employer),
        rings={kind: (share, partial(_seen, make, world)) for kind, (share, make) in _RINGS.items()},
        ring_frauds=frauds * _RING_SHARE,
        solo={kind: (share, partial(make, world, underworld)) for kind, (share, make) in _SOLO.items()},
        solo_frauds=single,
    )


def _seen(
    make: Callable[[Society, np.random.Generator, Crew], Batch],
    world: Society,
    rng: np.random.Generator,
    crew: Crew,
) -> Batch:
    """Plan a ring as it will be recorded, so that its truth names no device that nobody saw."""
    return world.seen(make(world, rng, crew))
