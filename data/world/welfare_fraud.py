"""Welfare frauds: ghosts, duplicates, skimming agents, batches at night, agents in league with officials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data.world.batch import DAY, HOUR, Batch
from data.world.habits import jitter
from data.world.rings import Crew
from data.world.underworld import marked
from data.world.welfare_society import WelfareSociety, at_ist
from data.world.welfare_traffic import credit, draw, rupees, send

__all__ = [
    "agent_official",
    "agent_skimming",
    "batch_withdrawal",
    "duplicate_beneficiary",
    "ghost_beneficiary",
]

_WAGES = 1


def ghost_beneficiary(world: WelfareSociety, rng: np.random.Generator, crew: Crew) -> Batch:
    """Credit wages to invented people, who share a phone, and draw them at one agent one after the other."""
    ghosts = crew.newcomers(rng, 4, 10)
    world.people.enrolled[ghosts] = False
    return _drawn_together(world, rng, crew, ghosts, "ghost_beneficiary")


def duplicate_beneficiary(world: WelfareSociety, rng: np.random.Generator, crew: Crew) -> Batch:
    """Pay one person through several accounts: the same phone, the same agent, minutes apart."""
    persons = crew.recruits.draw(rng, crew.day, int(rng.integers(2, 5)))
    world.people.enrolled[persons, _WAGES] = False
    return _drawn_together(world, rng, crew, persons, "duplicate_beneficiary")


def _drawn_together(
    world: WelfareSociety, rng: np.random.Generator, crew: Crew, members: NDArray[np.int64], kind: str
) -> Batch:
    """Credit members in rounds a fortnight apart and draw the money at one agent."""
    agent = _agent_near(world, rng, members[0])
    machine = world.agents.device[agent, int(rng.integers(2))]
    phone = world.people.phone[members[0]]
    world.people.phone[members] = phone
    crew.collude(merchants=np.array([agent]), devices=np.array([machine, phone]))
    batches = []
    for day in range(crew.day, crew.day + max(crew.length, 15), 14):
        paid = credit(
            world, rng, members, np.full(len(members), _WAGES), day + rng.integers(2, size=len(members))
        )
        visit = int(paid.time.max()) // DAY + 1 + int(rng.integers(4))
        first = world.daytime(rng, members[:1], visit)
        time = first + np.cumsum(jitter(rng, len(members), 12.0))
        amount = np.maximum(np.round(paid.amount * rng.uniform(0.6, 1.0, len(members)) / 100), 1) * 100
        taken = draw(world, rng, members, np.full(len(members), agent), time, amount)
        batches += [paid, replace(taken, device=np.full(len(members), machine, np.int32))]
    return marked(Batch.join(batches), kind)


def agent_official(world: WelfareSociety, rng: np.random.Generator, crew: Crew) -> Batch:
    """Let an official credit wages for work not done; the agent pays out, and a share goes back to the official."""
    members = crew.members(rng, 5, 12)
    agent = _agent_near(world, rng, members[0])
    official = world.official[world.agents.district[agent]]
    crew.collude(merchants=np.array([agent]), insiders=np.array([official]))
    batches = []
    for day in range(crew.day, crew.day + max(crew.length, 8), 7):
        who = members[rng.random(len(members)) < 0.6]
        paid = credit(world, rng, who, np.full(len(who), _WAGES), day)
        when = world.daytime(rng, who, day + rng.integers(1, 5, len(who)))
        amount = np.maximum(np.round(paid.amount * 0.9 / 100), 1) * 100
        taken = draw(world, rng, who, np.full(len(who), agent), when, amount)
        backers = who[rng.random(len(who)) < 0.6]
        later = world.daytime(rng, backers, day + rng.integers(2, 7, len(backers)))
        share = np.maximum(np.round(rupees(rng, len(backers)) * 0.5 / 10), 1) * 10
        batches += [paid, taken, send(world, rng, backers, np.full(len(backers), official), later, share)]
    return marked(Batch.join(batches), "agent_official")


def agent_skimming(world: WelfareSociety, rng: np.random.Generator, day: int) -> Batch:
    """Let an agent draw a little more from people minutes after they drew cash there themselves."""
    agent, who = _customers(world, rng, day, int(rng.integers(6, 18)))
    time = world.daytime(rng, who, day + rng.integers(6, size=len(who)))
    real = draw(world, rng, who, np.full(len(who), agent), time, rupees(rng, len(who)))
    extra = np.maximum(np.round(rupees(rng, len(who)) * rng.uniform(0.2, 0.8, len(who)) / 100), 1) * 100
    after = time + jitter(rng, len(who), 14.0)
    return Batch.join(
        [real, marked(draw(world, rng, who, np.full(len(who), agent), after, extra), "agent_skimming")]
    )


def batch_withdrawal(world: WelfareSociety, rng: np.random.Generator, day: int) -> Batch:
    """Draw from many people's accounts in a row, at an agent who should be closed."""
    agent, who = _customers(world, rng, day, int(rng.integers(7, 18)))
    late = int(rng.uniform(20.0, 29.0) * HOUR) % DAY
    start = int(at_ist(day, np.array([late]))[0])
    time = start + np.cumsum(jitter(rng, len(who), float(rng.uniform(2, 6))))
    taken = draw(world, rng, who, np.full(len(who), agent), time, rupees(rng, len(who)))
    return marked(taken, "batch_withdrawal")


def _agent_near(world: WelfareSociety, rng: np.random.Generator, person: int) -> int:
    return int(world.people.agent[person, int(rng.integers(2))])


def _customers(
    world: WelfareSociety, rng: np.random.Generator, day: int, count: int
) -> tuple[int, NDArray[np.int64]]:
    """Draw an agent and some of the people who use it, or who live in its district where those are few."""
    people = world.people
    agent = int(rng.choice(people.agent[people.eligible, 0]))
    able = people.eligible & (people.opened <= day)
    usual = np.flatnonzero(able & (people.agent == agent).any(axis=1))
    if len(usual) < 3:
        usual = np.flatnonzero(able)
    return agent, rng.choice(usual, min(count, len(usual)), replace=False)
