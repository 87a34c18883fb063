"""Places for the nodes of a picture: accounts and merchants in the middle, what they share on circles around them.

Places are worked out here and come with the nodes, so that one subgraph always gives one picture and the browser has
nothing to iterate.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Mapping, Sequence

import igraph
import numpy as np
from numpy.typing import NDArray

from fraud.ring import NodeKind
from graph.subgraph import NodeKey, Subgraph

__all__ = ["places"]

SPREAD = 115.0
"""Distance between nodes, about, in pixels before zooming."""

WIDE = 1.75
"""Width of the picture over its height."""

FLATTEST = 6.0
"""A chain is not stretched across its way more than this."""

MARGIN = 140.0
"""From the middle to the first circle, and from circle to circle."""

SATELLITE_SPREAD = 74.0
"""Least way along a circle between two satellites."""

LOOSENESS = 0.5
"""Part of an even spread around the circle that satellites keep from each other in any case."""

SATELLITES = (NodeKind.DEVICE, NodeKind.IP)

LARGE = 300
"""From so many nodes on, fewer turns of the springs do."""

TURN = threading.Lock()
"""igraph has one source of chance for all threads; each picture begins it anew."""

Places = dict[NodeKey, tuple[float, float]]


def places(subgraph: Subgraph) -> Places:
    """A place for each node, in pixels around the middle of the picture."""
    keys = [node.key for node in subgraph.nodes]
    if not keys:
        return {}
    inner = [key for key in keys if key.kind not in SATELLITES]
    outer = [key for key in keys if key.kind in SATELLITES]
    if not inner or not outer:
        return _placed(keys, _springs(subgraph, keys)[0], SPREAD * math.sqrt(len(keys)) / 2)
    sprung, row = _springs(subgraph, keys)
    size = SPREAD * math.sqrt(len(inner)) / 2
    middle = _placed(inner, sprung[[row[key] for key in inner]], size)
    angles = _angles(subgraph, middle, outer)
    return middle | _circles(angles, WIDE * size + MARGIN, size + MARGIN)


def _springs(
    subgraph: Subgraph, keys: Sequence[NodeKey]
) -> tuple[NDArray[np.float64], Mapping[NodeKey, int]]:
    """Places [n, 2] by springs along the edges (Fruchterman and Reingold 1991), the same every time."""
    row = {key: i for i, key in enumerate(keys)}
    ties = {(row[edge.source], row[edge.target]) for edge in subgraph.edges}
    drawn = igraph.Graph(n=len(keys), edges=sorted(ties))
    turn = 2.4 * np.arange(len(keys))
    # A spiral to begin with, the same for the same nodes.
    start = np.column_stack((np.cos(turn), np.sin(turn))) * np.sqrt(np.arange(len(keys)) + 1.0)[:, None]
    with TURN:
        igraph.set_random_number_generator(random.Random(7))  # noqa: S311 - a picture is no secret
        found = drawn.layout_fruchterman_reingold(
            seed=start.tolist(), niter=120 if len(keys) > LARGE else 400, grid="auto"
        )
    return np.array(found.coords, dtype=np.float64), row


def _placed(keys: Sequence[NodeKey], found: NDArray[np.float64], size: float) -> Places:
    box = size * np.array([WIDE, 1.0])
    return {
        key: (round(x, 1), round(y, 1))
        for key, (x, y) in zip(keys, (_lying(found) * box).tolist(), strict=True)
    }


def _lying(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """The places turned so that the longest way lies across, then stretched to fill −1 … 1 both ways."""
    if len(found) < 2:
        return np.zeros_like(found)
    centred = found - found.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    # The sign of an axis is arbitrary; this one keeps the picture the same.
    axes *= np.where(axes[:, :1] < 0, -1.0, 1.0)
    turned = centred @ axes.T
    reach = np.abs(turned).max(axis=0)
    filled: NDArray[np.float64] = turned / np.maximum(reach, max(reach.max() / FLATTEST, 1e-9))
    return filled


def _angles(subgraph: Subgraph, middle: Places, outer: Sequence[NodeKey]) -> list[tuple[float, NodeKey]]:
    """The direction in which the users of each satellite lie, in order of direction."""
    sums: dict[NodeKey, NDArray[np.float64]] = {key: np.zeros(2) for key in outer}
    for edge in subgraph.edges:
        for satellite, user in ((edge.target, edge.source), (edge.source, edge.target)):
            if satellite in sums and user in middle:
                sums[satellite] += np.array(middle[user]) / [WIDE, 1.0]
    return sorted((math.atan2(total[1], total[0]), key) for key, total in sums.items())


def _circles(angles: Sequence[tuple[float, NodeKey]], across: float, down: float) -> Places:
    """Satellites on as many ellipses as they need, each as near its direction as its neighbours let it."""
    room = _rooms(len(angles), across, down)
    found: Places = {}
    for circle, share in enumerate(room):
        # Every so many-th, so that each circle goes all the way round.
        chosen = [one for i, one in enumerate(angles) if i % len(room) == circle]
        a, b = across + circle * MARGIN, down + circle * MARGIN
        for angle, (_, key) in zip(_apart([angle for angle, _ in chosen], share), chosen, strict=True):
            found[key] = (round(a * math.cos(angle), 1), round(b * math.sin(angle), 1))
    return found


def _rooms(number: int, across: float, down: float) -> list[float]:
    """The least angle between two satellites on each of the circles that so many need."""
    least: list[float] = []
    held = 0
    while held < number:
        mean = (across + down) / 2 + len(least) * MARGIN
        least.append(max(SATELLITE_SPREAD / mean, LOOSENESS * 2 * math.pi / max(number, 1)))
        # All circles take equally many, so the first one decides.
        held = len(least) * int(2 * math.pi / least[0])
    return least


def _apart(angles: Sequence[float], least: float) -> list[float]:
    """Ascending angles moved apart to at least ``least``, by as little as a sweep finds."""
    if not angles:
        return []
    if least * len(angles) >= 2 * math.pi:
        return [angles[0] + 2 * math.pi * i / len(angles) for i in range(len(angles))]
    moved: list[float] = []
    for angle in angles:
        moved.append(angle if not moved else max(angle, moved[-1] + least))
    drift = sum(new - old for new, old in zip(moved, angles, strict=True)) / len(angles)
    moved = [angle - drift for angle in moved]
    over = moved[-1] - moved[0] + least - 2 * math.pi
    if over > 0:  # the last has come round to the first: draw all together
        squeeze = (2 * math.pi - least) / (moved[-1] - moved[0])
        moved = [moved[0] + (angle - moved[0]) * squeeze for angle in moved]
    return moved
