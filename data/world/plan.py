"""The frauds of a whole world, planned before the first day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.world.batch import DAY, LEGITIMATE, Batch
from data.world.rings import Crew, Recruits, Ring, ring_record
from data.world.streams import stream

__all__ = ["FRAUD_SHARE", "LEAST_RINGS", "FraudPlan", "RingMaker", "SoloMaker", "plan_frauds"]

FRAUD_SHARE = 0.011
"""Frauds per transaction."""
LEAST_RINGS = 3
"""Rings in a world too small to deserve any."""
_ACCOUNTS_FOR_FULL_RINGS = 800
_UNEVEN = 12.0

RingMaker = Callable[[np.random.Generator, Crew], Batch]
"""Plans the frauds of a ring, marked as such, and the honest payments that go with them."""
SoloMaker = Callable[[np.random.Generator, int], Batch]
"""Plans one incident that starts on a day."""


@dataclass(frozen=True, slots=True)
class FraudPlan:
    """All rows that fraudsters cause, in time order, the honest ones among them included; and the rings."""

    rows: Batch
    rings: list[Ring]

    def on(self, day: int) -> Batch:
        """Return the rows of a day."""
        low, high = np.searchsorted(self.rows.time, [day * DAY, (day + 1) * DAY])
        return self.rows.take(np.arange(low, high))


def plan_frauds(
    *,
    seed: int,
    days: int,
    recruits: Recruits,
    rings: Mapping[str, tuple[float, RingMaker]],
    ring_frauds: float,
    solo: Mapping[str, tuple[float, SoloMaker]],
    solo_frauds: float,
) -> FraudPlan:
    """Plan about so many frauds by rings and by single fraudsters; scenarios come with their shares.

    Planning gives fraudsters devices and addresses and opens the accounts of invented people, so it comes before
    the first day is made; rings come before single incidents, whose victims must have an account by then.
    """
    ring_rows, found = _plan_rings(seed, days, recruits, rings, ring_frauds)
    solo_rows = _plan_solo(seed, days, solo, solo_frauds)
    return FraudPlan(Batch.join([*ring_rows, *solo_rows]).in_order(), found)


def _plan_rings(
    seed: int,
    days: int,
    recruits: Recruits,
    scenarios: Mapping[str, tuple[float, RingMaker]],
    frauds: float,
) -> tuple[list[Batch], list[Ring]]:
    rng = stream(seed, "rings")
    scale = float(np.clip(len(recruits.opened) / _ACCOUNTS_FOR_FULL_RINGS, 0.5, 1.0))
    quota = _quota(rng, scenarios, frauds)
    batches: list[Batch] = []
    rings: list[Ring] = []
    while sum(quota.values()) > 0 or len(rings) < LEAST_RINGS:
        kind = _furthest_behind(quota)
        day, length = _span(rng, days)
        crew = Crew(recruits, day, length, scale)
        batch = scenarios[kind][1](rng, crew).between(0, days * DAY)
        fraud = batch.kind != LEGITIMATE
        if not fraud.any():
            continue
        number = len(rings)
        batches.append(replace(batch, ring=np.where(fraud, number, batch.ring).astype(np.int32)))
        rings.append(ring_record(number, kind, crew, batch.take(fraud)))
        quota[kind] -= int(fraud.sum())
    return batches, rings


def _plan_solo(
    seed: int, days: int, scenarios: Mapping[str, tuple[float, SoloMaker]], frauds: float
) -> list[Batch]:
    rng = stream(seed, "solo frauds")
    quota = _quota(rng, scenarios, frauds)
    batches: list[Batch] = []
    while sum(quota.values()) > 0:
        kind = _furthest_behind(quota)
        batch = scenarios[kind][1](rng, int(rng.integers(days))).between(0, days * DAY)
        quota[kind] -= int((batch.kind != LEGITIMATE).sum())
        batches.append(batch)
    return batches


def _quota(
    rng: np.random.Generator,
    scenarios: Mapping[str, tuple[float, RingMaker]] | Mapping[str, tuple[float, SoloMaker]],
    frauds: float,
) -> dict[str, float]:
    """Return the frauds wanted of each kind, a little uneven so that small worlds differ in what they hold."""
    wanted = {kind: share * frauds for kind, (share, _) in scenarios.items()}
    uneven = rng.uniform(-1, 1, len(wanted)) * _UNEVEN
    return {
        kind: number + more
        for (kind, number), more in zip(wanted.items(), uneven - uneven.mean(), strict=True)
    }


def _furthest_behind(quota: Mapping[str, float]) -> str:
    return max(quota, key=lambda kind: quota[kind])


def _span(rng: np.random.Generator, days: int) -> tuple[int, int]:
    """Draw the first day and the length in days of a ring: weeks, but at most half of a short world.

    Rings may outlast the world, so that frauds are as common on its last days as before.
    """
    length = int(np.clip(16 * np.exp(0.5 * rng.standard_normal()), 3, max(days // 2, 1)))
    return int(rng.integers(max(days - 3, 1))), length
