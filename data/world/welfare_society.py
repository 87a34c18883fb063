"""Who pays and who is paid in the welfare preset: treasuries, officials, beneficiaries, agents, shops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, HOUR, MINUTE
from data.world.gear import Numbers
from data.world.habits import PROFILES, usual_hours
from data.world.india import DISTRICTS, SCHEMES
from data.world.streams import stream

__all__ = ["AGENT_MCC", "Agents", "Beneficiaries", "WelfareSociety", "at_ist", "found_welfare"]

AGENT_MCC = "6012"
_SHOP_MCC = ("5411", "5411", "5983", "5912", "5261")
_IST = 5 * HOUR + 30 * MINUTE
_PEOPLE_PER_AGENT = 75
_PEOPLE_PER_OFFICIAL = 150
_PEOPLE_PER_PHONE = 2.2


@dataclass(slots=True)
class Beneficiaries:
    """One row an account; treasuries and officials are rows too (``eligible`` false), enrolled nowhere."""

    eligible: NDArray[np.bool_]
    district: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    opened: NDArray[np.float64]
    """Day on which the account was opened, −1 for before the start."""
    enrolled: NDArray[np.bool_]
    """[accounts, SCHEMES]"""
    benefit: NDArray[np.float64]
    """[accounts, SCHEMES] usual rupees of a payment."""
    phase: NDArray[np.int64]
    """[accounts, SCHEMES] day within the scheme's period on which it pays."""
    agent: NDArray[np.int64]
    """[accounts, 2] merchant numbers of the usual agent and of a second one."""
    shop: NDArray[np.int64]
    """[accounts, 3] merchant numbers."""
    phone: NDArray[np.int64]
    """Device, shared in the household."""
    ip: NDArray[np.int64]
    rate: NDArray[np.float64]
    """Own payments a day relative to the average."""
    profile: NDArray[np.int64]


@dataclass(slots=True)
class Agents:
    """Banking correspondents; merchant number i is agent i for the first ``len(agents)`` merchants."""

    district: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    device: NDArray[np.int64]
    """[agents, 2] micro cash machines."""
    ip: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.district)


@dataclass(slots=True)
class WelfareSociety:
    """A founded welfare world."""

    seed: int
    days: int
    people: Beneficiaries
    agents: Agents
    treasury: NDArray[np.int64]
    """[SCHEMES] accounts that pay the benefits."""
    official: NDArray[np.int64]
    """[districts] an official's account in each district."""
    mcc: NDArray[np.str_]
    """mcc of each merchant: agents, then shops."""
    shop_latitude: NDArray[np.float64]
    shop_longitude: NDArray[np.float64]
    devices: Numbers
    ips: Numbers
    activity: float = 1.0
    """Own payments a day of an average beneficiary."""

    @property
    def end(self) -> int:
        """World time at which the last day ends."""
        return self.days * DAY

    def daytime(
        self, rng: np.random.Generator, who: NDArray[np.int64], day: NDArray[np.int64] | int
    ) -> NDArray[np.int64]:
        """Draw a usual hour of each person on a day, as world time within the same UTC day."""
        weekend = np.zeros(len(who), dtype=bool)
        return at_ist(day, usual_hours(rng, self.people.profile[who], weekend))


def at_ist(day: NDArray[np.int64] | int, local: NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn Indian times of day into world time within the same UTC day."""
    return np.asarray(np.asarray(day) * DAY + (local - _IST) % DAY)


def found_welfare(*, seed: int, days: int, accounts: int) -> WelfareSociety:
    """Found the welfare world of a seed."""
    rng = stream(seed, "welfare society")
    devices, ips = Numbers(), Numbers()
    weight = np.array([d.weight for d in DISTRICTS])
    weight /= weight.sum()
    agents = _agents(rng, max(len(DISTRICTS), accounts // _PEOPLE_PER_AGENT), weight, devices, ips)
    shop_district = _one_each(rng, max(3 * len(DISTRICTS), accounts // 40), weight)
    shop_latitude, shop_longitude = _near(rng, shop_district, 0.12)
    people, staff = _people(rng, accounts, days, weight, agents, shop_district, devices, ips)
    mcc = np.concatenate([np.full(len(agents), AGENT_MCC), rng.choice(_SHOP_MCC, len(shop_district))])
    officials = staff[len(SCHEMES) :]
    return WelfareSociety(
        seed=seed,
        days=days,
        people=people,
        agents=agents,
        treasury=staff[: len(SCHEMES)],
        official=officials[np.arange(len(DISTRICTS)) % len(officials)],
        mcc=mcc,
        shop_latitude=shop_latitude,
        shop_longitude=shop_longitude,
        devices=devices,
        ips=ips,
    )


def _one_each(rng: np.random.Generator, count: int, weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place things in districts by population, at least one in each."""
    more = rng.choice(len(weight), max(count - len(weight), 0), p=weight)
    return np.concatenate([np.arange(len(weight)), more])


def _near(
    rng: np.random.Generator, district: NDArray[np.int64], spread: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw positions within three spreads (degrees) of the districts' centroids."""
    centre = np.array([(d.latitude, d.longitude) for d in DISTRICTS])[district]
    offset = np.clip(rng.normal(0, spread, centre.shape), -3 * spread, 3 * spread)
    return centre[:, 0] + offset[:, 0], centre[:, 1] + offset[:, 1]


def _agents(
    rng: np.random.Generator, count: int, weight: NDArray[np.float64], devices: Numbers, ips: Numbers
) -> Agents:
    district = _one_each(rng, count, weight)
    latitude, longitude = _near(rng, district, 0.12)
    return Agents(district, latitude, longitude, devices.new(2 * count).reshape(count, 2), ips.new(count))


def _local(
    rng: np.random.Generator, place: NDArray[np.int64], person: NDArray[np.int64], choices: int
) -> NDArray[np.int64]:
    """Draw, for each person's district, numbers of things there; well-known ones more often."""
    order = np.argsort(place, kind="stable")
    ranked = place[order]
    low, high = np.searchsorted(ranked, person), np.searchsorted(ranked, person, side="right")
    pick = rng.random((len(person), choices)) ** 1.4 * (high - low)[:, None]
    return order[low[:, None] + pick.astype(np.int64)]


def _people(
    rng: np.random.Generator,
    accounts: int,
    days: int,
    weight: NDArray[np.float64],
    agents: Agents,
    shop_district: NDArray[np.int64],
    devices: Numbers,
    ips: Numbers,
) -> tuple[Beneficiaries, NDArray[np.int64]]:
    """Settle all accounts; return them and which of them are treasuries (first) and officials."""
    staff_count = len(SCHEMES) + max(4, min(accounts // _PEOPLE_PER_OFFICIAL, len(DISTRICTS)))
    staff = rng.choice(accounts, staff_count, replace=False)
    eligible = np.ones(accounts, dtype=bool)
    eligible[staff] = False
    district = rng.choice(len(weight), accounts, p=weight)
    latitude, longitude = _near(rng, district, 0.12)
    enrolled = rng.random((accounts, len(SCHEMES))) < [s.enrolled for s in SCHEMES]
    enrolled[staff] = False
    noise = np.exp(rng.standard_normal((accounts, len(SCHEMES))) * [s.spread for s in SCHEMES])
    opened = np.where(rng.random(accounts) < 0.15, rng.random(accounts) * days, -1.0)
    opened[staff] = -1.0
    phones = devices.new(max(1, round(accounts / _PEOPLE_PER_PHONE)))
    carriers = ips.new(len(DISTRICTS) * max(1, accounts // 3000))
    people = Beneficiaries(
        eligible=eligible,
        district=district,
        latitude=latitude,
        longitude=longitude,
        opened=opened,
        enrolled=enrolled,
        benefit=np.round(np.array([s.median for s in SCHEMES]) * noise),
        phase=_phases(rng, district),
        agent=_local(rng, agents.district, district, 2),
        shop=len(agents) + _local(rng, shop_district, district, 3),
        phone=phones[rng.integers(len(phones), size=accounts)],
        ip=carriers[rng.integers(len(carriers), size=accounts)],
        rate=rng.gamma(2.0, 0.5, accounts) + 0.05,
        profile=rng.choice(PROFILES, accounts, p=[0.2, 0.35, 0.1, 0.03, 0.02, 0.3]),
    )
    return people, staff


def _phases(rng: np.random.Generator, district: NDArray[np.int64]) -> NDArray[np.int64]:
    """Let each scheme pay a district on a few days of its period, so that a village is paid together."""
    waves = rng.integers(3, size=(len(district), len(SCHEMES)))
    start = rng.integers(0, 10_000, size=(len(DISTRICTS), len(SCHEMES)))
    return np.asarray((start[district] + 2 * waves) % np.array([s.period for s in SCHEMES]))
