"""Devices and IP addresses: who uses which, and why honest people share them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.world.batch import NONE
from data.world.households import Households
from data.world.places import Cities

__all__ = ["BROWSERS", "Gear", "Numbers", "hand_out_gear"]

BROWSERS = 6
_PEOPLE_PER_CARRIER_ADDRESS = 60
_PHONE_LIFE_DAYS = 450.0
_BROWSER_LIFE_DAYS = 10
_ONE_PHONE_HOUSEHOLDS = 0.06
_STUDENTS = 0.05
_TERMINAL_USERS = 0.1


class Numbers:
    """Hands out consecutive numbers; ``count`` are out."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, count: int) -> NDArray[np.int64]:
        """Return the next ``count`` numbers."""
        first = self.count
        self.count += count
        return np.arange(first, self.count)


@dataclass(slots=True)
class Gear:
    """One row an account; numbers of devices and addresses, ``NONE`` for none."""

    devices: Numbers
    ips: Numbers
    phone: NDArray[np.int64]
    next_phone: NDArray[np.int64]
    phone_change: NDArray[np.float64]
    """Day from which ``next_phone`` is used."""
    tablet: NDArray[np.int64]
    """The household's shared device."""
    browsers: NDArray[np.int64]
    """[accounts, BROWSERS] devices that look new because a browser was reset."""
    terminal: NDArray[np.int64]
    """A public terminal that the person sometimes uses."""
    terminal_ip: NDArray[np.int64]
    home_ip: NDArray[np.int64]
    mobile_ip: NDArray[np.int64]
    """The carrier's address, shared by many strangers."""
    work_ip: NDArray[np.int64]
    """Office or campus network."""
    hotel_ip: NDArray[np.int64]
    """[cities] guest networks."""

    def online(
        self,
        rng: np.random.Generator,
        who: NDArray[np.int64],
        day: NDArray[np.int64] | int,
        away_city: NDArray[np.int64] | int = NONE,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Choose the device and address with which each person is online; ``away_city`` −1 means at home."""
        phone = np.where(np.asarray(day) >= self.phone_change[who], self.next_phone[who], self.phone[who])
        pick = rng.random(len(who))
        away = np.broadcast_to(np.asarray(away_city), who.shape)
        at_terminal = (pick > 0.88) & (self.terminal[who] != NONE) & (away == NONE)
        device = np.where((pick > 0.66) & (away == NONE), self.tablet[who], phone)
        device = np.where(at_terminal, self.terminal[who], device)

        reset = (pick < 0.09) & (away == NONE)
        device = np.where(reset, self.browsers[who, np.asarray(day) // _BROWSER_LIFE_DAYS % BROWSERS], device)

        where = rng.random(len(who))
        ip = np.where(where < 0.5, self.home_ip[who], self.mobile_ip[who])
        ip = np.where((where > 0.72) & (self.work_ip[who] != NONE), self.work_ip[who], ip)
        ip = np.where(away != NONE, np.where(where < 0.5, self.hotel_ip[away], self.mobile_ip[who]), ip)
        return device, np.where(at_terminal, self.terminal_ip[who], ip)

    def carried(self, who: NDArray[np.int64], day: NDArray[np.int64] | int) -> NDArray[np.int64]:
        """Return the phone that each person carries on a day."""
        return np.where(np.asarray(day) >= self.phone_change[who], self.next_phone[who], self.phone[who])


def hand_out_gear(
    rng: np.random.Generator,
    cities: Cities,
    households: Households,
    employer: NDArray[np.int64],
    days: int,
) -> Gear:
    """Give everyone devices and addresses; ``employer`` is each account's employer number or ``NONE``."""
    count = len(households.of)
    devices, ips = Numbers(), Numbers()
    phone = devices.new(count)
    one_phone = rng.random(households.count) < _ONE_PHONE_HOUSEHOLDS
    first_member = np.full(households.count, -1)
    first_member[households.of[::-1]] = np.arange(count)[::-1]
    phone = np.where(one_phone[households.of], phone[first_member[households.of]], phone)
    change = rng.exponential(_PHONE_LIFE_DAYS, count)
    changes = (change < days) & ~one_phone[households.of]
    next_phone = phone.copy()
    next_phone[changes] = devices.new(int(changes.sum()))

    city = households.city[households.of]
    terminals_per_city = 1
    terminal_device = devices.new(len(cities) * terminals_per_city)
    terminal_ip = ips.new(len(cities) * terminals_per_city)
    uses = rng.random(count) < _TERMINAL_USERS
    at = city * terminals_per_city + rng.integers(terminals_per_city, size=count)
    return Gear(
        devices=devices,
        ips=ips,
        phone=phone,
        next_phone=next_phone,
        phone_change=np.where(changes, change, np.inf),
        tablet=devices.new(households.count)[households.of],
        browsers=devices.new(count * BROWSERS).reshape(count, BROWSERS),
        terminal=np.where(uses, terminal_device[at], NONE),
        terminal_ip=np.where(uses, terminal_ip[at], NONE),
        home_ip=ips.new(households.count)[households.of],
        mobile_ip=_carrier(rng, ips, cities, city),
        work_ip=_networks(rng, ips, employer),
        hotel_ip=ips.new(len(cities)),
    )


def _carrier(
    rng: np.random.Generator, ips: Numbers, cities: Cities, city: NDArray[np.int64]
) -> NDArray[np.int64]:
    size = np.maximum(np.bincount(city, minlength=len(cities)) // _PEOPLE_PER_CARRIER_ADDRESS, 1)
    first = np.concatenate([[0], np.cumsum(size)])
    pool = ips.new(int(first[-1]))
    return np.asarray(pool[first[city] + (rng.random(len(city)) * size[city]).astype(np.int64)])


def _networks(rng: np.random.Generator, ips: Numbers, employer: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give an office address to the employed, and one campus address to students wherever they live."""
    offices = ips.new(int(employer.max()) + 1) if len(employer) else ips.new(0)
    ip = np.where(employer != NONE, offices[np.maximum(employer, 0)], NONE)
    campus = ips.new(max(1, len(employer) // 12_000))
    student = rng.random(len(employer)) < _STUDENTS
    return np.where(student, campus[rng.integers(len(campus), size=len(employer))], ip)
