"""The account holders: where they live, what they earn, how they pay, whom they know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.batch import NONE
from data.world.habits import PAY_SCHEDULES, PROFILES
from data.world.households import Households
from data.world.merchants import Market, Merchants
from data.world.places import Cities

__all__ = ["FAVOURITES", "FRIENDS", "Population", "settle_population"]

FAVOURITES = 14
FRIENDS = 8
_SUBSCRIPTIONS = 3
_PEOPLE_PER_EMPLOYER = 70
_NEW_ACCOUNTS = 0.16
_TENANTS = 0.3


@dataclass(slots=True)
class Population:
    """One row an account. People first come, employers are a few accounts among them (``is_employer``)."""

    city: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    opened: NDArray[np.float64]
    """Day on which the account was opened, −1 for before the start."""
    rate: NDArray[np.float64]
    """Purchases a day relative to the average."""
    taste: NDArray[np.float64]
    """The person's own scale of amounts, a logarithm around 0."""
    profile: NDArray[np.int64]
    weekend: NDArray[np.float64]
    """Factor on the rate on days off."""
    online: NDArray[np.float64]
    """Share of purchases made online."""
    wallet: NDArray[np.float64]
    """Share of card payments made with the phone."""
    is_employer: NDArray[np.bool_]
    employer: NDArray[np.int64]
    """Account number of the employer, ``NONE`` for none."""
    income: NDArray[np.float64]
    """Pay on a pay day."""
    schedule: NDArray[np.int64]
    landlord: NDArray[np.int64]
    rent: NDArray[np.float64]
    rent_day: NDArray[np.int64]
    favourites: NDArray[np.int64]
    """[accounts, FAVOURITES] merchants, the dearest first."""
    friends: NDArray[np.int64]
    """[accounts, FRIENDS] accounts of family, friends and colleagues."""
    biller: NDArray[np.int64]
    """[accounts, 3] merchants of subscriptions, ``NONE`` for none."""
    bill: NDArray[np.float64]
    bill_day: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.city)


def settle_population(
    rng: np.random.Generator, cities: Cities, households: Households, merchants: Merchants, days: int
) -> Population:
    """Give every account a life; about one account in six is opened after the start."""
    count = len(households.of)
    city = households.city[households.of]
    is_employer = np.zeros(count, dtype=bool)
    is_employer[rng.choice(count, max(1, count // _PEOPLE_PER_EMPLOYER), replace=False)] = True
    employer, schedule = _jobs(rng, city, is_employer)
    landlord = _landlords(rng, city, is_employer)
    online = rng.beta(2.0, 3.2, count)
    income_scale = rng.normal(0, 0.4, count)
    biller = rng.choice(merchants.subscription, (count, _SUBSCRIPTIONS))
    biller[rng.random(biller.shape) < 0.35] = NONE
    biller[is_employer] = NONE
    opened = np.where(rng.random(count) < _NEW_ACCOUNTS, rng.random(count) * days, -1.0)
    opened[is_employer | np.isin(np.arange(count), landlord)] = -1.0
    return Population(
        city=city,
        latitude=households.latitude[households.of],
        longitude=households.longitude[households.of],
        opened=opened,
        rate=np.where(is_employer, 0.15, rng.gamma(1.8, 1 / 1.8, count) + 0.05),
        taste=0.45 * income_scale + rng.normal(0, 0.35, count),
        profile=rng.choice(PROFILES, count, p=[0.36, 0.14, 0.2, 0.1, 0.08, 0.12]),
        weekend=np.exp(rng.normal(0.15, 0.35, count)),
        online=online,
        wallet=rng.beta(0.8, 1.0, count),
        is_employer=is_employer,
        employer=employer,
        income=np.round(1500 * np.exp(income_scale) + rng.random(count), 2),
        schedule=schedule,
        landlord=landlord,
        rent=np.round(800 * np.exp(0.6 * income_scale + rng.normal(0, 0.2, count)) / 5) * 5,
        rent_day=rng.integers(1, 6, count),
        favourites=_favourites(rng, cities, merchants, city, online),
        friends=_friends(rng, households, city, employer),
        biller=biller,
        bill=merchants.amounts(rng, np.maximum(biller, 0).ravel(), np.zeros(biller.size)).reshape(
            biller.shape
        ),
        bill_day=rng.integers(1, 29, biller.shape),
    )


def _jobs(
    rng: np.random.Generator, city: NDArray[np.int64], is_employer: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Employ three in four, preferably in the own city; employers' sizes follow a Zipf law."""
    employers = np.flatnonzero(is_employer)
    weight = 1.0 / (np.arange(len(employers)) + 2.0)
    job = employers[rng.choice(len(employers), len(city), p=weight / weight.sum())]
    for here in np.unique(city[employers]):
        local, people = employers[city[employers] == here], np.flatnonzero(city == here)
        job[people] = np.where(rng.random(len(people)) < 0.8, rng.choice(local, len(people)), job[people])
    pays = rng.integers(PAY_SCHEDULES, size=len(city))
    works = (rng.random(len(city)) < 0.75) & ~is_employer
    return np.where(works, job, NONE), pays[job]


def _landlords(
    rng: np.random.Generator, city: NDArray[np.int64], is_employer: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Let three in ten rent from a few people, each of whom collects from many."""
    count = len(city)
    people = np.flatnonzero(~is_employer)
    owners = rng.choice(people, max(2, count // 50), replace=False)
    weight = 1.0 / (np.arange(len(owners)) + 2.0)
    landlord = owners[rng.choice(len(owners), count, p=weight / weight.sum())]
    rents = (rng.random(count) < _TENANTS) & ~is_employer
    rents[owners] = False
    return np.where(rents, landlord, NONE)


def _favourites(
    rng: np.random.Generator,
    cities: Cities,
    merchants: Merchants,
    city: NDArray[np.int64],
    online: NDArray[np.float64],
) -> NDArray[np.int64]:
    market = Market(merchants, len(cities), 0.0)
    where = np.repeat(city, FAVOURITES)
    where[rng.random(len(where)) < np.repeat(online, FAVOURITES)] = NONE
    return market.find(rng, where).reshape(len(city), FAVOURITES)


def _friends(
    rng: np.random.Generator,
    households: Households,
    city: NDArray[np.int64],
    employer: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Draw friends: family first, then colleagues, then people of the same city."""
    count = len(city)
    friends = np.empty((count, FRIENDS), dtype=np.int64)
    for column, group in enumerate(
        (households.of, households.of, employer, employer, city, city, city, city)
    ):
        order = np.argsort(group, kind="stable")
        ranked = group[order]
        low, high = np.searchsorted(ranked, group), np.searchsorted(ranked, group, side="right")
        friends[:, column] = order[low + (rng.random(count) * (high - low)).astype(np.int64)]
    alone = friends == np.arange(count)[:, None]
    friends[alone] = (np.nonzero(alone)[0] + 1 + rng.integers(count - 1, size=int(alone.sum()))) % count
    return friends
