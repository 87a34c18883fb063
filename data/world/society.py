"""One whole world of payments, before anybody pays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, HOUR, NONE, Batch
from data.world.gear import Gear, hand_out_gear
from data.world.habits import Calendar
from data.world.households import form_households
from data.world.merchants import Merchants, found_merchants
from data.world.places import Cities, choose_cities
from data.world.population import Population, settle_population
from data.world.streams import stream
from data.world.travel import Trips, plan_trips

__all__ = ["Society", "found_society"]


@dataclass(slots=True)
class Society:
    """The places, people, merchants, gear and trips of a world, and how busy it is."""

    seed: int
    days: int
    calendar: Calendar
    cities: Cities
    people: Population
    merchants: Merchants
    gear: Gear
    trips: Trips
    activity: float = 1.0
    """Purchases a day of an average account."""

    @property
    def end(self) -> int:
        """World time at which the last day ends."""
        return self.days * DAY

    def open_accounts(self, day: float) -> NDArray[np.int64]:
        """Return the accounts that were opened by a day."""
        return np.flatnonzero(self.people.opened <= day)

    def at_local(
        self, day: NDArray[np.int64] | int, local: NDArray[np.int64], city: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Turn local times of day into world time, kept inside the same UTC day."""
        return np.asarray(np.asarray(day) * DAY + (local - self.cities.utc_offset[city] * HOUR) % DAY)

    def seen(self, batch: Batch) -> Batch:
        """Return payments as they are recorded: blind merchants pass on neither device nor address."""
        blind = (batch.merchant != NONE) & self.merchants.blind[batch.merchant]
        return replace(batch, device=np.where(blind, NONE, batch.device), ip=np.where(blind, NONE, batch.ip))

    def whereabouts(
        self, rng: np.random.Generator, who: NDArray[np.int64], city: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw the reported position (degrees) of people who are online in a city; often there is none."""
        home = city == self.people.city[who]
        latitude = np.where(home, self.people.latitude[who], self.cities.latitude[city])
        longitude = np.where(home, self.people.longitude[who], self.cities.longitude[city])
        hidden = rng.random(len(who)) < 0.35
        return (
            np.where(hidden, np.nan, latitude + rng.normal(0, 0.03, len(who))),
            np.where(hidden, np.nan, longitude + rng.normal(0, 0.03, len(who))),
        )


def found_society(*, seed: int, days: int, accounts: int, start: date) -> Society:
    """Found the world of a seed: everything that does not depend on single payments."""
    cities = choose_cities(stream(seed, "cities"), accounts)
    merchants = found_merchants(stream(seed, "merchants"), cities, accounts, days)
    households = form_households(stream(seed, "households"), cities, accounts)
    people = settle_population(stream(seed, "people"), cities, households, merchants, days)
    employers = np.flatnonzero(people.is_employer)
    office = np.where(people.employer == NONE, NONE, np.searchsorted(employers, people.employer))
    return Society(
        seed=seed,
        days=days,
        calendar=Calendar(start),
        cities=cities,
        people=people,
        merchants=merchants,
        gear=hand_out_gear(stream(seed, "gear"), cities, households, office, days),
        trips=plan_trips(stream(seed, "trips"), accounts, len(cities), days),
    )
