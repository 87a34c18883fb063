"""Dense blocks of accounts and what they have in common, kept by incremental peeling over a sliding window.

A block is a set of accounts, merchants and devices with much weight between them for its size: average weight a node,
the suspiciousness of Fraudar (Hooi et al., KDD 2016). An edge towards a thing that d accounts use weighs
1 / log(c + d), d to within an eighth, so purchases at popular places, camouflage above all, add little. The greedy
peel that finds the densest
block is never done anew: each purchase, and each one that ages out, mends the affected part of its sequence (Spade,
Jiang et al., VLDB 2023). The sequence is at every moment the one that a peel from scratch gives, ties in the order in
which the nodes entered the window.

An edge is a pair of an account and a thing. A new purchase renews it: it counts with the most suspicious of its
purchases, and with the popularity that the thing had at the latest.

Two uses. The ring desk lets in suspicious transactions only, each with its score as ``suspicion`` and the number of all
who use the thing as ``users``: the blocks that stand out there are rings, and the stream is thin. Over all purchases
(``suspicion`` 1, users counted by the window itself) the score of a node says how tightly its surroundings buy alike;
it reads nothing but the event log::

    blocks = DenseBlocks()
    blocks.observe("acc", [(NodeKind.MERCHANT, "shop", 12.0), (NodeKind.DEVICE, "phone", 3.0)], time, 25.0, 0.7)
    blocks.suspiciousness(NodeKind.ACCOUNT, "acc")
    found = blocks.finding("acc", NodeKind.MERCHANT, "shop")
    again = DenseBlocks.from_bytes(blocks.to_bytes())

Work is bounded: a change that would take long stops half-way and goes on with the next events. Until then
``truncated`` is true, and answers are those before the change. One step is not cut, though: when the heaviest edges of
a hub age out, a step may read all its edges (4 ms for 100,000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.finding import Finding, FindingKind, FoundEdge
from graph.kernels.dense_blocks import (
    WEIGHT_BITS,
    core_of,
    densest_from,
    expire_pairs,
    first_at_least,
    observe_pairs,
    reach,
    sequence,
)
from graph.kernels.pair_window import HELD, LATE, find_pair
from graph.kernels.peel import waiting_changes
from graph.layout import DAY
from graph.peel_memory import new_peel, peel_arrays, restore_peel
from graph.windowed import (
    NodeNames,
    pack_arrays,
    pair_window,
    restore_window,
    unpack_arrays,
    window_arrays,
)

__all__ = ["Block", "BlockPolicy", "DenseBlocks", "Member", "Pair", "column_weights"]

ONE = 1 << WEIGHT_BITS
COUNTED_USERS = 1 << 17
"""A thing used by more accounts weighs as if it were this many."""

LEADING_BITS = 4
ROWS_AT_ONCE = 4096
FORMAT = 1


class Member(NamedTuple):
    """A node of a block."""

    kind: NodeKind
    token: str


class Block(NamedTuple):
    """Nodes that much weight lies between, in the order in which they were tied in."""

    density: float
    """Weight between the members by their number."""
    members: tuple[Member, ...]
    is_whole: bool
    """Whether no member had to be left out."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The members that are accounts."""
        return tuple(one.token for one in self.members if one.kind is NodeKind.ACCOUNT)


class Pair(NamedTuple):
    """One account with one thing, as of a purchase. Time in µs since 1970; ``users`` 0 means: as the window knows."""

    account: str
    kind: NodeKind
    token: str
    time: int
    amount: float = 0.0
    suspicion: float = 1.0
    users: float = 0.0


class BlockPolicy(msgspec.Struct, frozen=True):
    """What is kept and what is told; the defaults were tuned on simulated worlds."""

    window_days: float = 30.0
    camouflage: float = 5.0
    """c of the weight 1 / log(c + users): the greater, the less rare things stand out."""
    least_density: float = 0.25
    """From which a block is told of."""
    least_accounts: int = 3
    most_members: int = 256
    most_edges: int = 32
    most_pairs: int = 1 << 20
    """When the window is full the pair longest unseen goes."""
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


class _Memory(msgspec.Struct, array_like=True):
    format: int
    policy: BlockPolicy
    names: tuple[list[tuple[str, str] | None], list[int]]
    arrays: dict[str, bytes]


class DenseBlocks:
    """Follows pairs in the order in which they become known; not thread-safe.

    Late pairs count from their own time on, and not at all when that is out of the window.
    """

    def __init__(self, policy: BlockPolicy | None = None) -> None:
        self.policy = policy or BlockPolicy()
        most_nodes = 8 * self.policy.most_pairs + 8 * ROWS_AT_ONCE
        self._length = int(self.policy.window_days * DAY)
        self._columns = column_weights(self.policy.camouflage)
        self._names = NodeNames()
        self._window = pair_window(self.policy.most_pairs, most_nodes)
        self._peel = new_peel(self.policy.most_pairs, most_nodes)

    def __len__(self) -> int:
        """Pairs in the window."""
        return int(self._window.counts[HELD])

    @property
    def truncated(self) -> bool:
        """Whether changes wait to be taken into the sequence."""
        return bool(waiting_changes(self._peel) > 0)

    @property
    def late(self) -> int:
        """Pairs that came when their time was out of the window already."""
        return int(self._window.counts[LATE])

    def observe(
        self,
        account: str,
        things: Sequence[tuple[NodeKind, str, float]],
        time: int,
        amount: float = 0.0,
        suspicion: float = 1.0,
    ) -> None:
        """Take in one purchase: what the account touched, each with its number of users (0: as the window knows)."""
        self.observe_pairs(
            [Pair(account, kind, token, time, amount, suspicion, users) for kind, token, users in things]
        )

    def observe_pairs(self, pairs: Sequence[Pair], *, scored: bool = False) -> NDArray[np.float64]:
        """Take in pairs in the order in which they became known; how they are cut into calls does not matter.

        Returns [n, 2]: the suspiciousness of each pair's account and thing just before it; no rows unless ``scored``.
        """
        parts = [np.zeros((0, 2), dtype=np.int64)]
        for start in range(0, len(pairs), ROWS_AT_ONCE):
            parts.append(self._take_in(pairs[start : start + ROWS_AT_ONCE], scored))
        return np.concatenate(parts) / ONE

    def expire(self, now: int) -> None:
        """Let what is too old at ``now`` (µs) go, and changes that wait be taken in."""
        expire_pairs(self._window, self._peel, now, self._length, self.policy.most_steps)

    def _take_in(self, pairs: Sequence[Pair], scored: bool) -> NDArray[np.int64]:
        number = self._names.number
        ends = [(number(NodeKind.ACCOUNT, one.account), number(one.kind, one.token)) for one in pairs]
        left, right = np.array(ends, dtype=np.int32).reshape(-1, 2).T.copy()
        scores = np.zeros((len(pairs) if scored else 0, 2), dtype=np.int64)
        self.observe_numbers(
            left,
            right,
            np.array([one.time for one in pairs], dtype=np.int64),
            np.array([one.amount for one in pairs], dtype=np.float64),
            np.array([round(one.suspicion * ONE) for one in pairs], dtype=np.int64),
            np.array([round(one.users) for one in pairs], dtype=np.int64),
            scores,
        )
        if len(self._names) - len(self._names.spare) > 3 * len(self) + ROWS_AT_ONCE:
            self._forget_names()
        return scores

    def observe_numbers(
        self,
        left: NDArray[np.int32],
        right: NDArray[np.int32],
        time: NDArray[np.int64],
        amount: NDArray[np.float64],
        suspicion: NDArray[np.int64],
        users: NDArray[np.int64],
        scores: NDArray[np.int64],
    ) -> None:
        """Take in pairs of nodes that are numbered already; suspicion, and what ``scores`` [n, 2] become, in 2⁻¹⁶."""
        observe_pairs(
            self._window, self._peel, left, right, time, amount, suspicion, users, self._columns,
            self._length, self.policy.most_pairs, self.policy.most_steps, scores,
        )  # fmt: skip

    def _forget_names(self) -> None:
        used = len(self._names)
        gone = (self._window.degree[:used] == 0) & (self._peel.nodes["chunk"][:used] == 0)
        if not self.truncated:
            for number in np.flatnonzero(gone).tolist():
                self._names.forget(number)

    def suspiciousness(self, kind: NodeKind, token: str) -> float:
        """Weighted core number: the greatest weight such that the node is in a group that ties each of its members
        with at least that; 0 for what is not in the window.
        """
        node = self._names.find(kind, token)
        return float(core_of(self._peel, node)) / ONE if node >= 0 else 0.0

    def densest(self) -> Block:
        """The densest nodes of all, which may be several blocks of their own; no members where nothing is held."""
        weight, count = densest_from(self._peel)
        if weight == 0:
            return Block(0.0, (), True)
        nodes, _ = self._sequence()
        return Block(weight / count / ONE, self._members(nodes[-count:]), True)

    def block_of(self, kind: NodeKind, token: str) -> Block:
        """What the node is tied to by ties at least as tight as its own suspiciousness."""
        node = self._names.find(kind, token)
        core = core_of(self._peel, node) if node >= 0 else 0
        return self._block(node, core) if core > 0 else Block(0.0, (), True)

    def peeling(self) -> list[tuple[Member, float]]:
        """The whole sequence: which node goes when, and the weight that still ties it then."""
        nodes, weights = self._sequence()
        return list(zip(self._members(nodes), (weights / ONE).tolist(), strict=True))

    def finding(self, account: str, kind: NodeKind, token: str) -> Finding | None:
        """The block that a purchase of the account at the thing lies in, where it is dense enough to be told of."""
        left, right = self._names.find(NodeKind.ACCOUNT, account), self._names.find(kind, token)
        if left < 0 or right < 0:
            return None
        core = min(core_of(self._peel, left), core_of(self._peel, right))
        if core <= 0:
            return None
        block = self._block(right, core)
        accounts = block.accounts
        if (
            len(accounts) < self.policy.least_accounts
            or block.density < self.policy.least_density
            or account not in accounts
        ):
            return None
        return Finding(
            kind=FindingKind.DENSE_BLOCK,
            accounts=accounts,
            centre=token,
            edges=self._edges(accounts, right, token),
            strength=block.density / (1.0 + block.density),
        )

    def _block(self, node: int, core: int) -> Block:
        found = np.zeros(self.policy.most_members, dtype=np.int64)
        held, weight = reach(self._peel, node, first_at_least(self._peel, core), found)
        return Block(weight / held / ONE, self._members(found[:held]), held < len(found))

    def _edges(self, accounts: Sequence[str], right: int, token: str) -> tuple[FoundEdge, ...]:
        edges = []
        for account in accounts:
            at = find_pair(self._window, self._names.find(NodeKind.ACCOUNT, account), right)
            if at >= 0:
                pair = self._window.pairs[at]
                edges.append(FoundEdge(account, token, int(pair["last"]), float(pair["amount"])))
        return tuple(sorted(edges, key=lambda edge: (edge.time, edge.source))[-self.policy.most_edges :])

    def _sequence(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        nodes = np.zeros(len(self._names), dtype=np.int64)
        weights = np.zeros(len(self._names), dtype=np.int64)
        length = sequence(self._peel, nodes, weights)
        return nodes[:length], weights[:length]

    def _members(self, nodes: NDArray[np.int64]) -> tuple[Member, ...]:
        names = map(self._names.name, nodes.tolist())
        return tuple(Member(NodeKind(kind), token) for kind, token in names)

    def to_bytes(self) -> bytes:
        """All that is known, to go on from in another process."""
        used = len(self._names)
        arrays = window_arrays(self._window, used) | peel_arrays(self._peel, used)
        names = self._names.to_list()
        return msgspec.msgpack.encode(_Memory(FORMAT, self.policy, names, pack_arrays(arrays)))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The detector that wrote ``content``. Raises StoreError where it is of another release or damaged."""
        try:
            memory = msgspec.msgpack.decode(content, type=_Memory)
            if memory.format != FORMAT:
                raise StoreError(f"dense blocks: format {memory.format}, this release reads {FORMAT}")
            blocks = cls(memory.policy)
            like = window_arrays(blocks._window, 0) | peel_arrays(blocks._peel, 0)
            arrays = unpack_arrays(memory.arrays, like)
        except msgspec.DecodeError as error:
            raise StoreError(f"dense blocks: the memory is unreadable ({error})") from error
        blocks._names.restore(*memory.names)
        restore_window(blocks._window, arrays)
        restore_peel(blocks._peel, arrays)
        return blocks
