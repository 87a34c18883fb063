"""Groups of simulated worlds, ring or not, that every judge learns from beside those of its own history.

A history of weeks brings up some dozens of groups, too few for what tells them apart. ``ring_prior.npz`` holds the
groups of the worlds on which the rules of the desk are tuned and of others; ``python -m benchmarks.ring_prior`` makes
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraud.errors import ArtefactError
from graph.ring_figures import FIGURES
from models.ring_groups import Group

__all__ = ["PRIOR", "Groups", "join", "prior_groups", "save_prior", "table"]

PRIOR = Path(__file__).with_name("ring_prior.npz")


class Groups(NamedTuple):
    """n states of groups."""

    figures: NDArray[np.float32]
    """[n, F] in the order of ``graph.ring_figures.FIGURES``"""
    is_ring: NDArray[np.int8]
    """[n]"""
    weight: NDArray[np.float32]
    """[n]; a group's states weigh as one together."""


def table(judged: Sequence[tuple[Group, bool]]) -> Groups:
    """States of groups with what they were, as arrays."""
    states: dict[str, int] = {}
    for group, _ in judged:
        states[group.ring_id] = states.get(group.ring_id, 0) + 1
    return Groups(
        np.array([group.figures for group, _ in judged], np.float32).reshape(-1, len(FIGURES)),
        np.array([is_ring for _, is_ring in judged], np.int8),
        np.array([1.0 / states[group.ring_id] for group, _ in judged], np.float32),
    )


def join(parts: Iterable[Groups]) -> Groups:
    """Several, one after the other."""
    figures, is_ring, weight = zip(*parts, strict=True)
    return Groups(np.concatenate(figures), np.concatenate(is_ring), np.concatenate(weight))


def prior_groups(path: Path = PRIOR) -> Groups:
    """The groups that come with this release. Raises ArtefactError where they are of other figures."""
    with np.load(path, allow_pickle=False) as kept:
        if tuple(kept["names"].tolist()) != FIGURES:
            raise ArtefactError(f"{path}: of other figures than groups have now; run benchmarks.ring_prior")
        return Groups(kept["figures"], kept["is_ring"], kept["weight"])


def save_prior(groups: Groups, path: Path = PRIOR) -> None:
    """Write what ``prior_groups`` reads."""
    np.savez_compressed(
        path,
        names=np.array(FIGURES),
        figures=groups.figures,
        is_ring=groups.is_ring,
        weight=groups.weight,
    )
