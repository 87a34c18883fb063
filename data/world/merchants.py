"""Merchants: categories with their prices, Zipf popularity, openings, and how a buyer finds one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.places import Cities

__all__ = ["CATEGORIES", "Category", "Market", "Merchants", "found_merchants"]


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of shop: its merchant category code, how common and busy it is, and its prices."""

    mcc: str
    shops: float
    visits: float
    median: float
    spread: float
    online: float
    also_online: bool = False


CATEGORIES: tuple[Category, ...] = (
    Category("5411", 9, 20, 34, 0.75, 0.05, True),
    Category("5812", 12, 9, 31, 0.6, 0.0, True),
    Category("5814", 10, 13, 12, 0.5, 0.0, True),
    Category("5541", 7, 9, 38, 0.4, 0.0),
    Category("5912", 5, 5, 24, 0.75, 0.1, True),
    Category("5732", 4, 2.2, 140, 1.0, 0.45, True),
    Category("5651", 7, 5, 52, 0.75, 0.4, True),
    Category("5999", 6, 6, 36, 1.0, 0.7, True),
    Category("5818", 3, 5, 11, 0.8, 1.0),
    Category("5816", 3, 3, 16, 0.9, 1.0),
    Category("4121", 4, 4, 17, 0.6, 0.3),
    Category("4511", 2, 0.9, 260, 0.7, 1.0),
    Category("7011", 4, 1.2, 165, 0.6, 0.3, True),
    Category("5712", 3, 0.8, 210, 0.9, 0.3, True),
    Category("5944", 3, 0.7, 150, 1.0, 0.3, True),
    Category("5942", 3, 2, 21, 0.6, 0.4, True),
    Category("7832", 3, 2, 23, 0.5, 0.2),
    Category("8398", 2, 0.9, 24, 0.9, 0.9),
    Category("4899", 2, 0.5, 15, 0.4, 1.0),
    Category("4814", 2, 0.8, 42, 0.5, 0.8),
    Category("5947", 4, 1.6, 48, 0.7, 0.3, True),
    Category("6011", 6, 0.0, 80, 0.6, 0.0),
)
_ATM = "6011"
_SUBSCRIPTION = ("4899", "5818", "4814", "8398")
_ONLINE_CITY = -1
_BLIND = 0.16


@dataclass(slots=True)
class Merchants:
    """One row a merchant; cash machines are rows with mcc 6011 and no popularity."""

    category: NDArray[np.int64]
    city: NDArray[np.int64]
    """City number, −1 for merchants that only sell online."""
    also_online: NDArray[np.bool_]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    log_price: NDArray[np.float64]
    """Mean of the natural logarithm of amounts."""
    spread: NDArray[np.float64]
    """Standard deviation of the logarithm of amounts."""
    popularity: NDArray[np.float64]
    opened: NDArray[np.float64]
    """Day of opening, negative for before the start."""
    blind: NDArray[np.bool_]
    """Whether the merchant passes on neither device nor address."""
    cash_machine: NDArray[np.int64]
    """[cities] a cash machine in each city."""
    marketplace: int
    """The online merchant at which nearly everybody buys."""
    subscription: NDArray[np.int64]
    """Merchants that bill regularly."""

    def __len__(self) -> int:
        return len(self.category)

    @property
    def online(self) -> NDArray[np.bool_]:
        """Whether each merchant sells online only."""
        return np.asarray(self.city == _ONLINE_CITY)

    def amounts(
        self, rng: np.random.Generator, merchant: NDArray[np.int64], taste: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Draw amounts of purchases; ``taste`` is each buyer's own scale as a logarithm."""
        noise = rng.standard_normal(len(merchant))
        raw = np.exp(self.log_price[merchant] + 0.5 * taste + self.spread[merchant] * noise)
        return _price_tags(rng, raw)


def _price_tags(rng: np.random.Generator, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to cents; some prices end in .99 or .00."""
    ending = rng.random(len(raw))
    whole = np.ceil(raw)
    tagged = np.where(ending < 0.25, whole - 0.01, np.where(ending < 0.45, whole, raw))
    return np.maximum(np.round(tagged, 2), 0.5)


def found_merchants(rng: np.random.Generator, cities: Cities, accounts: int, days: int) -> Merchants:
    """Found the merchants of a world of so many accounts; about one in eight opens after the start."""
    count = max(24 * len(cities) // 2, accounts // 4)
    shops = np.array([c.shops if c.mcc != _ATM else 0.0 for c in CATEGORIES])
    category = rng.choice(len(CATEGORIES), count, p=shops / shops.sum())
    online = rng.random(count) < np.array([c.online for c in CATEGORIES])[category]
    city = np.where(online, _ONLINE_CITY, rng.choice(len(cities), count, p=cities.share))
    atm = next(i for i, c in enumerate(CATEGORIES) if c.mcc == _ATM)
    category = np.concatenate([category, np.full(len(cities), atm)])
    city = np.concatenate([city, np.arange(len(cities))])
    marketplace = int(np.flatnonzero(online)[0])
    category[marketplace] = next(i for i, c in enumerate(CATEGORIES) if c.mcc == "5999")

    total = len(category)
    here = np.maximum(city, 0)
    opened = np.where(rng.random(total) < 0.12, rng.random(total) * days, -1.0)
    opened[count:] = -1.0
    opened[marketplace] = -1.0
    return Merchants(
        category=category,
        city=city,
        also_online=np.array([c.also_online for c in CATEGORIES])[category] | (city == _ONLINE_CITY),
        latitude=cities.latitude[here] + rng.normal(0, 0.08, total),
        longitude=cities.longitude[here] + rng.normal(0, 0.1, total),
        log_price=np.log([c.median for c in CATEGORIES])[category] + rng.normal(0, 0.3, total),
        spread=np.array([c.spread for c in CATEGORIES])[category],
        popularity=_popularity(rng, category, city, marketplace),
        opened=opened,
        blind=rng.random(total) < _BLIND,
        cash_machine=np.arange(count, total),
        marketplace=marketplace,
        subscription=_billers(category, city),
    )


def _popularity(
    rng: np.random.Generator, category: NDArray[np.int64], city: NDArray[np.int64], marketplace: int
) -> NDArray[np.float64]:
    """Share each category's visits among its shops by a Zipf law, within a city and among the online ones."""
    popularity = np.zeros(len(category))
    rank = rng.permutation(len(category))
    for number, kind in enumerate(CATEGORIES):
        for online in (True, False):
            shops = np.flatnonzero((category == number) & ((city == _ONLINE_CITY) == online))
            if len(shops):
                weight = 1.0 / (np.argsort(np.argsort(rank[shops])) + 2.0) ** 1.05
                popularity[shops] = kind.visits * weight / weight.sum()
    popularity[marketplace] = popularity[city == _ONLINE_CITY].sum() * 0.35
    return popularity


def _billers(category: NDArray[np.int64], city: NDArray[np.int64]) -> NDArray[np.int64]:
    regular = np.array([c.mcc in _SUBSCRIPTION for c in CATEGORIES])[category]
    found = np.flatnonzero(regular & (city == _ONLINE_CITY))
    return found if len(found) else np.flatnonzero(city == _ONLINE_CITY)


class Market:
    """How buyers find merchants on one day: by popularity, in a city or online."""

    def __init__(self, merchants: Merchants, cities: int, day: float) -> None:
        age = day - merchants.opened
        weight = merchants.popularity * (age >= 0)
        weight = np.where((merchants.opened >= 0) & (age < 10), weight * 4, weight)
        self._order = np.argsort(merchants.city, kind="stable")
        self._cumulative = np.cumsum(weight[self._order])
        bounds = np.searchsorted(merchants.city[self._order], np.arange(_ONLINE_CITY, cities + 1))
        self._edge = np.concatenate([[0.0], self._cumulative])[bounds]

    def find(self, rng: np.random.Generator, city: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw a merchant in each city (−1 means online), by today's popularity.

        A city without an open merchant falls back to the online ones.
        """
        shop_city = np.where(self._edge[city + 2] > self._edge[city + 1], city, _ONLINE_CITY)
        low, high = self._edge[shop_city + 1], self._edge[shop_city + 2]
        at = low + rng.random(len(city)) * (high - low)
        found = np.searchsorted(self._cumulative, at, side="right")
        return np.asarray(self._order[np.minimum(found, len(self._order) - 1)])
