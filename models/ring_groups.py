"""Groups that the ring desk would have formed in the past, each with its figures and what became known of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from graph.finding import Finding
from graph.ring_figures import ring_figures
from graph.ring_policy import RingPolicy
from graph.rings import RingWatch
from graph.suspects import Suspect

__all__ = ["ENOUGH", "Group", "groups_formed", "is_known_ring"]

ENOUGH = 0.5
"""Share of a group's accounts that must belong to one ring for the group to be that ring."""
STEP = 1.5
"""A group is looked at again when it holds other accounts, or so many times as many suspicious payments."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group at one moment."""

    ring_id: str
    time: int
    """µs since 1970"""
    accounts: frozenset[str]
    figures: tuple[float, ...]


def groups_formed(
    suspicions: Iterable[tuple[Suspect, tuple[Finding, ...]]], policy: RingPolicy
) -> list[Group]:
    """All states of the groups that a desk forms of suspicions in event order, by the policy's ties alone."""
    watch = RingWatch(policy)
    groups: list[Group] = []
    seen: dict[str, tuple[frozenset[str], int]] = {}
    for suspect, findings in suspicions:
        watch.observe(suspect, findings)
        ring = watch.ring_of(suspect.account)
        if ring is None or not policy.least_accounts <= len(ring.accounts) <= policy.most_vertices:
            continue
        state = frozenset(ring.accounts), int(math.log(1 + len(ring.evidence), STEP))
        if seen.get(ring.ring_id) != state:
            seen[ring.ring_id] = state
            figures = ring_figures(ring, watch.graph, policy)
            groups.append(Group(ring.ring_id, suspect.time, state[0], figures))
    return groups


def is_known_ring(
    group: Group, ring_of: Mapping[str, Collection[str]], known: Collection[str]
) -> bool | None:
    """Whether a group is a ring, by the rings that accounts were confirmed to belong to.

    ``known`` are accounts of whose suspicious payments an outcome is known. None while that leaves it open.
    """
    held = Counter(ring for account in group.accounts for ring in ring_of.get(account, ()))
    most = max(held.values(), default=0)
    least = ENOUGH * len(group.accounts)
    if most >= least:
        return True
    open_still = sum(account not in known and not ring_of.get(account) for account in group.accounts)
    return False if most + open_still < least else None
