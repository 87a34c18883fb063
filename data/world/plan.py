"""The frauds of a whole world, planned before the first day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data.world.account_fraud import account_takeover, refund_abuse, unusual_amount
from data.world.batch import LEGITIMATE, Batch
from data.world.card_fraud import burst, card_testing, off_hours, stolen_card
from data.world.purchase_rings import bust_out, merchant_block, shared_device
from data.world.rings import Crew, Recruits, Ring, ring_record
from data.world.society import Society
from data.world.streams import stream
from data.world.transfer_rings import mule_fan_in, mule_fan_out, round_trip, scatter_gather
from data.world.underworld import Underworld

__all__ = ["FRAUD_SHARE", "FraudPlan", "plan_frauds", "quota_order"]

FRAUD_SHARE = 0.011
"""Frauds per transaction."""
RING_SHARE = 0.52
"""Ring frauds per fraud."""
LEAST_RINGS = 3
_ROWS_PER_GANG = 45.0

_SOLO: dict[str, tuple[float, Callable[[Society, Underworld, np.random.Generator, int], Batch]]] = {
    "stolen_card": (0.26, stolen_card),
    "card_testing": (0.17, card_testing),
    "account_takeover": (0.17, account_takeover),
    "unusual_amount": (0.06, unusual_amount),
    "off_hours": (0.13, off_hours),
    "burst": (0.13, burst),
    "refund_abuse": (0.08, refund_abuse),
}
_RINGS: dict[str, tuple[float, Callable[[Society, np.random.Generator, Crew], Batch]]] = {
    "shared_device": (0.22, shared_device),
    "bust_out": (0.18, bust_out),
    "mule_fan_in": (0.1, mule_fan_in),
    "mule_fan_out": (0.1, mule_fan_out),
    "scatter_gather": (0.1, scatter_gather),
    "round_trip": (0.1, round_trip),
    "merchant_block": (0.2, merchant_block),
}


@dataclass(frozen=True, slots=True)
class FraudPlan:
    """All rows that fraudsters cause, in time order, the honest ones among them included; and the rings."""

    rows: Batch
    rings: list[Ring]


def plan_frauds(world: Society, expected_rows: float) -> FraudPlan:
    """Plan frauds for a world of about so many transactions; small worlds get at least ``LEAST_RINGS`` rings.

    Planning gives fraudsters devices and addresses and opens the accounts of invented people, so it comes
    before the first day is made.
    """
    frauds = FRAUD_SHARE * expected_rows
    ring_rows, rings = _plan_rings(world, frauds * RING_SHARE)
    solo_rows = _plan_solo(world, frauds * (1 - RING_SHARE))
    return FraudPlan(Batch.join([*ring_rows, *solo_rows]).in_order(), rings)


def quota_order(quota: dict[str, float]) -> str | None:
    """Return the kind that is furthest behind its quota of rows, ``None`` when all quotas are met."""
    kind = max(quota, key=lambda k: quota[k])
    return kind if quota[kind] > 0 else None


def _plan_rings(world: Society, rows: float) -> tuple[list[Batch], list[Ring]]:
    rng = stream(world.seed, "rings")
    recruits = Recruits(world)
    scale = float(np.clip(len(world.people) / 800, 0.5, 1.0))
    quota = {kind: share * rows for kind, (share, _) in _RINGS.items()}
    batches: list[Batch] = []
    rings: list[Ring] = []
    while (kind := quota_order(quota)) or len(rings) < LEAST_RINGS:
        kind = kind or max(quota, key=lambda k: quota[k])
        day, length = _span(rng, world.days)
        crew = Crew(recruits, day, length, scale)
        number = len(rings)
        batch = _RINGS[kind][1](world, rng, crew).between(0, world.end)
        frauds = batch.kind != LEGITIMATE
        if not frauds.any():
            continue
        ring = replace(batch, ring=np.where(frauds, number, batch.ring).astype(np.int32))
        rings.append(ring_record(number, kind, crew.merchants, crew.devices, batch.take(frauds)))
        batches.append(ring)
        quota[kind] -= int(frauds.sum())
    return batches, rings


def _plan_solo(world: Society, rows: float) -> list[Batch]:
    rng = stream(world.seed, "solo frauds")
    underworld = Underworld(world, rng, max(3, round(rows / _ROWS_PER_GANG)))
    quota = {kind: share * rows for kind, (share, _) in _SOLO.items()}
    batches: list[Batch] = []
    while kind := quota_order(quota):
        day = int(rng.integers(world.days))
        batch = _SOLO[kind][1](world, underworld, rng, day).between(0, world.end)
        quota[kind] -= int((batch.kind != LEGITIMATE).sum())
        batches.append(batch)
    return batches


def _span(rng: np.random.Generator, days: int) -> tuple[int, int]:
    """Draw the first day and the length in days of a ring: weeks, but at most half of a short world.

    Rings may outlast the world, so that frauds are as common on its last days as before.
    """
    length = int(np.clip(16 * np.exp(0.5 * rng.standard_normal()), 3, max(days // 2, 1)))
    return int(rng.integers(max(days - 3, 1))), length
