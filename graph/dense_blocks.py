"""Dense blocks of accounts and what they have in common, kept by incremental peeling over a sliding window.

A block is a set of accounts, merchants and devices with much weight between them for its size: average weight a node,
the suspiciousness of Fraudar (Hooi et al., KDD 2016). An edge towards a thing that d accounts use weighs
1 / log(c + d), d to within an eighth, so purchases at popular places, camouflage above all, add little. The greedy
peel that finds the densest
block is never done anew: each purchase, and each one that ages out, mends the affected part of its sequence (Spade,
Jiang et al., VLDB 2023). The sequence is at every moment the one that a peel from scratch gives, ties in the order in
which the nodes entered the window.

An edge is a pair of an account and a merchant or device. A new purchase renews it, with the popularity that the thing
has by then. Transfers tie nobody here.

A purchase is told of where the block around it, of those who are tied at least as tightly as it, is dense enough, has
a few accounts, and is small: a block beyond ``most_members`` is a crowd and no ring. It hangs on the online graph
(``graph.detectors``): ``OnlineGraph(detectors=[FindingKind.DENSE_BLOCK])``.

Work is bounded: a change that would take long stops half-way and goes on with the next events. Until then
``truncated`` is true, and answers are those before the change. One step is not cut, though: when the heaviest edges of
a hub age out, a step may read all its edges (4 ms for 100,000). What the graph evicts is taken out at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from graph.finding import FindingKind
from graph.found import FoundRoom
from graph.kernels.dense_blocks import (
    WEIGHT_BITS,
    Bounds,
    Least,
    core_of,
    densest_from,
    first_at_least,
    forget_blocks,
    observe_blocks,
    reach,
    sequence,
)
from graph.kernels.pair_window import HELD, LATE
from graph.kernels.peel import waiting_changes
from graph.kernels.peel_list import CHUNK, EDGES_MADE, FEW, PEEL_EDGE, PEEL_NODE
from graph.layout import DAY
from graph.motif_layout import FoundArrays
from graph.peel_memory import new_peel, peel_arrays, restore_peel
from graph.windowed import (
    BYTES_A_NODE,
    BYTES_A_PAIR,
    pair_window,
    part_of,
    restore_window,
    window_arrays,
    window_memory,
)

__all__ = ["Block", "BlockPolicy", "DenseBlocks", "column_weights"]

ONE = 1 << WEIGHT_BITS
COUNTED_USERS = 1 << 17
"""A thing used by more accounts weighs as if it were this many."""

LEADING_BITS = 4
FEWEST_PAIRS = 64
CHUNK_BYTES = 4 + 8 + 8
PEEL_NODE_BYTES = PEEL_NODE.itemsize + CHUNK * CHUNK_BYTES // FEW + 28
"""Record and places in the chunks, a quarter full at least, and in what moves."""
PEEL_PAIR_BYTES = 3 * (PEEL_EDGE.itemsize + 4) + 2 * 20
"""Edges, those included whose removal waits, and changes that wait."""
NO_SCORES = np.zeros((0, 3), dtype=np.int64)


class Block(NamedTuple):
    """Nodes that much weight lies between, by their numbers, in the order in which they were tied in."""

    density: float
    """Weight between the members by their number."""
    members: tuple[int, ...]
    """None where there is no block, or one too large to be looked at."""


class BlockPolicy(msgspec.Struct, frozen=True):
    """What is kept and what is told."""

    window_days: float = 30.0
    camouflage: float = 5.0
    """c of the weight 1 / log(c + users): the greater, the less rare things stand out."""
    least_core: float = 0.5
    """Weighted core number of a purchase from which its block is looked at."""
    least_density: float = 0.5
    """From which a block is told of."""
    least_accounts: int = 3
    most_members: int = 64
    most_edges_looked_at: int = 4_096
    most_steps: int = 20_000
    """Edges looked at for one pair before its change waits for the next; a single step is not cut."""


@lru_cache(maxsize=4)
def column_weights(camouflage: float) -> NDArray[np.int64]:
    """Weight of an edge towards a thing by its number of users, in units of 2⁻¹⁶.

    Users count by their four leading bits, so that a regular's edge is seldom weighed anew.
    """
    leading = [users >> shift << shift for users in range(COUNTED_USERS) for shift in [_dropped_bits(users)]]
    weights = [round(ONE / math.log(camouflage + users)) for users in leading[1:]]
    return np.array([weights[0], *weights], dtype=np.int64)


def _dropped_bits(users: int) -> int:
    return max(users.bit_length() - LEADING_BITS, 0)


class DenseBlocks:
    """Detector of dense blocks; see ``graph.detectors.Detector``.

    ``capacity`` is how many node numbers there may be; of pairs there are as many as ``memory`` bytes allow, beyond
    which the one longest unseen goes before its time. Late purchases count from their own time on, and not at all when
    that is out of the window.
    """

    kind = FindingKind.DENSE_BLOCK

    def __init__(self, capacity: int, memory: int, policy: BlockPolicy | None = None) -> None:
        self.policy = policy = policy or BlockPolicy()
        self.found = FoundRoom(1, policy.most_members)
        left = memory - capacity * (BYTES_A_NODE + PEEL_NODE_BYTES)
        self.most_pairs = max(left // (BYTES_A_PAIR + PEEL_PAIR_BYTES), FEWEST_PAIRS)
        self._bounds = Bounds(
            int(policy.window_days * DAY), self.most_pairs, policy.most_steps, policy.most_edges_looked_at
        )
        self._least = Least(
            round(policy.least_core * ONE), round(policy.least_density * ONE), policy.least_accounts
        )
        self._columns = column_weights(policy.camouflage)
        self._members = np.zeros(policy.most_members + 1, dtype=np.int64)
        self._window = pair_window(self.most_pairs, capacity)
        self._peel = new_peel(self.most_pairs, capacity)

    def __len__(self) -> int:
        """Pairs in the window."""
        return int(self._window.counts[HELD])

    @property
    def truncated(self) -> bool:
        """Whether changes wait to be taken into the sequence."""
        return bool(waiting_changes(self._peel) > 0)

    @property
    def late(self) -> int:
        """Transactions that came when their time was out of the window already."""
        return int(self._window.counts[LATE])

    def observe(self, rows: NDArray[np.void], row: int, found: FoundArrays) -> None:
        """Take in events, and tell of the blocks that they then lie in."""
        self._observe(rows, row, found, NO_SCORES)

    def observe_scored(self, rows: NDArray[np.void]) -> NDArray[np.float64]:
        """Take in transactions; returns [n, 3] how tightly account, merchant and device were tied just before each.

        NaN for what a transaction lacks; nothing is told of.
        """
        scores = np.zeros((len(rows), 3), dtype=np.int64)
        self._observe(rows, 0, self.found.of(0), scores)
        return np.where(scores < 0, np.nan, scores / ONE)

    def _observe(
        self, rows: NDArray[np.void], row: int, found: FoundArrays, scores: NDArray[np.int64]
    ) -> None:
        observe_blocks(
            rows, row, self._window, self._peel, self._columns, self._bounds, self._least, found,
            self._members, scores,
        )  # fmt: skip

    def forget(self, cutoff: int) -> None:
        """Let all pairs go that were last seen at or before ``cutoff``, out of the sequence too."""
        forget_blocks(self._window, self._peel, cutoff, self.policy.most_steps)

    def suspiciousness(self, node: int) -> float:
        """Weighted core number: the greatest weight such that the node is in a group that ties each of its members
        with at least that; 0 for what is not in the window.
        """
        return float(core_of(self._peel, node)) / ONE

    def densest(self) -> Block:
        """The densest nodes of all, which may be several blocks of their own."""
        weight, count = densest_from(self._peel)
        if weight == 0:
            return Block(0.0, ())
        return Block(weight / count / ONE, tuple(node for node, _ in self.peeling()[-count:]))

    def block_of(self, node: int) -> Block:
        """What the node is tied to by ties at least as tight as its own suspiciousness."""
        core = core_of(self._peel, node)
        if core == 0:
            return Block(0.0, ())
        members, looked = self._members, self.policy.most_edges_looked_at
        held, weight = reach(self._peel, node, first_at_least(self._peel, core), members, looked)
        if held == len(members):
            return Block(0.0, ())
        return Block(weight / held / ONE, tuple(members[:held].tolist()))

    def peeling(self) -> list[tuple[int, float]]:
        """The whole sequence: which node goes when, and the weight that still ties it then."""
        nodes = np.zeros(len(self._peel.nodes), dtype=np.int64)
        weights = np.zeros(len(self._peel.nodes), dtype=np.int64)
        length = sequence(self._peel, nodes, weights)
        return list(zip(nodes[:length].tolist(), (weights[:length] / ONE).tolist(), strict=True))

    def memory(self, nodes: int) -> int:
        """Bytes written so far, where ``nodes`` numbers were given out."""
        edges = int(self._peel.counts[EDGES_MADE]) * (PEEL_EDGE.itemsize + 4)
        return window_memory(self._window) + edges + nodes * (BYTES_A_NODE + PEEL_NODE_BYTES)

    def blocks(self, nodes: int) -> dict[str, NDArray[Any]]:
        """What a snapshot keeps, changes that wait included."""
        return {
            **{f"window_{name}": array for name, array in window_arrays(self._window, nodes).items()},
            **{f"peel_{name}": array for name, array in peel_arrays(self._peel, nodes).items()},
        }

    def restore(self, blocks: Mapping[str, NDArray[Any]]) -> None:
        """Bring back what ``blocks`` told."""
        restore_window(self._window, part_of(blocks, "window_"))
        restore_peel(self._peel, part_of(blocks, "peel_"))
