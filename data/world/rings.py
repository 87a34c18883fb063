"""Collusion rings: whom they recruit, and the record of who belonged to them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.world.batch import NONE, Batch

__all__ = ["Crew", "Recruits", "Ring", "ring_record"]


@dataclass(frozen=True, slots=True)
class Ring:
    """The truth about one ring: its members by number, and the times of its first and last fraud."""

    number: int
    kind: str
    accounts: NDArray[np.int64]
    merchants: NDArray[np.int64]
    devices: NDArray[np.int64]
    start: int
    end: int


class Recruits:
    """People whom no ring has recruited yet; when all have been, they may serve twice."""

    def __init__(
        self, opened: NDArray[np.float64], city: NDArray[np.int64], eligible: NDArray[np.bool_]
    ) -> None:
        self.opened, self.city = opened, city
        self.eligible = eligible
        self._taken = np.zeros(len(opened), dtype=bool)

    def draw(self, rng: np.random.Generator, day: int, count: int, near: int = NONE) -> NDArray[np.int64]:
        """Draw different people with an account on a day, half of them from one city if ``near`` is given."""
        able = (self.opened <= day) & self.eligible
        pool = np.flatnonzero(able & ~self._taken)
        if len(pool) < count:
            pool = np.flatnonzero(able)
        weight = np.where(self.city[pool] == near, 1.0 + len(self.city) / 200, 1.0)
        drawn = rng.choice(pool, min(count, len(pool)), replace=False, p=weight / weight.sum())
        self._taken[drawn] = True
        return drawn


@dataclass(slots=True)
class Crew:
    """A ring in the making: when it is active, and who and what takes part."""

    recruits: Recruits
    day: int
    length: int
    scale: float
    """Factor on the number of members, below 1 in small worlds."""
    merchants: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    devices: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    insiders: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Members that could not be recruited like others, such as officials."""
    _boss: int = NONE

    def members(self, rng: np.random.Generator, least: int, most: int) -> NDArray[np.int64]:
        """Recruit between ``least`` and ``most`` people (inclusive; fewer, but 3 at least, in small worlds)."""
        count = max(3, round(self.scale * float(rng.integers(least, most + 1))))
        near = int(rng.choice(self.recruits.city))
        return self.recruits.draw(rng, self.day, count, near)

    def newcomers(self, rng: np.random.Generator, least: int, most: int) -> NDArray[np.int64]:
        """Recruit people and let their accounts be opened in the weeks before the ring becomes active."""
        drawn = self.members(rng, least, most)
        age = rng.uniform(0.15, 1.0, len(drawn)) * min(self.day + 0.5, 35.0)
        self.recruits.opened[drawn] = np.maximum(self.day - age, -1.0)
        return drawn

    def boss(self, rng: np.random.Generator) -> int:
        """Return the person behind the ring, who is no other member."""
        if self._boss == NONE:
            self._boss = int(self.recruits.draw(rng, self.day, 1)[0])
        return self._boss

    def collude(
        self,
        *,
        merchants: NDArray[np.int64] | None = None,
        devices: NDArray[np.int64] | None = None,
        insiders: NDArray[np.int64] | None = None,
    ) -> None:
        """Note what and who else belongs to the ring."""
        if merchants is not None:
            self.merchants = np.concatenate([self.merchants, merchants])
        if devices is not None:
            self.devices = np.concatenate([self.devices, devices])
        if insiders is not None:
            self.insiders = np.concatenate([self.insiders, insiders])


def ring_record(number: int, kind: str, crew: Crew, frauds: Batch) -> Ring:
    """Describe a ring by what its frauds show; ``frauds`` must not be empty."""
    accounts = np.union1d(frauds.account, frauds.counterparty)
    able = crew.recruits.eligible | np.isin(np.arange(len(crew.recruits.eligible)), crew.insiders)
    accounts = accounts[accounts != NONE].astype(np.int64)
    return Ring(
        number=number,
        kind=kind,
        accounts=accounts[able[accounts]],
        merchants=np.intersect1d(crew.merchants, frauds.merchant),
        devices=np.intersect1d(crew.devices, frauds.device),
        start=int(frauds.time.min()),
        end=int(frauds.time.max()),
    )
