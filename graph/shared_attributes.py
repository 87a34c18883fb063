"""Accounts tied by a device or an address, told from families, offices and public terminals by rarity and behaviour.

Sharing alone is ordinary. What tells is how unlikely it is by chance, and whether those who share also act together:

- *rarity*: how surprising it is that an account with so many ties meets a thing with so many users, −log of the number
  of ties expected between them when all are dealt out anew (the configuration model; in record linkage the weight of
  an agreement, Fellegi and Sunter 1969, is likewise the log of how rare it is). No number of users is a bound: a
  carrier's address is merely worth nothing, and the phone of somebody with one phone more than that of a hoarder.
- *behaviour*: whether the other recent users of the thing were lately at the same target, again weighed by surprise,
  so that a supermarket does not count and a back-street shop does; and whether account and users are all new, weighed
  by how rare new accounts are just then.

The evidence of a transaction is averaged over the users that were looked at, the most recent ones only, so the work for
one event is bounded however many use a thing. It lies on the pairs (account, thing) and (account, target) until these
age out; the score of an account is the sum over its targets, that of a target or thing the mean over its accounts. All
of it reads nothing but the event log, each transaction strictly what came before it, so the scores may be features::

    shared = SharedAttributes()
    scores = shared.observe(Use("acc", NodeKind.MERCHANT, "shop", time, 25.0, device="phone", ip=None))
    found = shared.finding(Use(...))     # of the transaction just taken in
    again = SharedAttributes.from_bytes(shared.to_bytes())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from fraud.errors import StoreError
from fraud.ring import NodeKind
from graph.finding import Finding, FindingKind, FoundEdge
from graph.kernels.pair_window import CLOCK, HELD, LATE, find_pair
from graph.kernels.shared_attributes import (
    BIRTHS_FIRST,
    BIRTHS_LAST,
    SCORES,
    SHARED_COUNTS,
    THINGS,
    UNIT_BITS,
    Shared,
    companions,
    evidence_of,
    expire_shared,
    observe_shared,
)
from graph.layout import DAY
from graph.reserve import reserve
from graph.windowed import (
    NodeNames,
    pack_arrays,
    pair_window,
    restore_window,
    unpack_arrays,
    window_arrays,
)

__all__ = ["SharedAttributes", "SharedScores", "SharingPolicy", "Use"]

ONE = 1 << UNIT_BITS
COUNTED = 1 << 20
"""Numbers above this count as this when their logarithm is taken."""

ROWS_AT_ONCE = 4096
FORMAT = 1
PAYEE = "payee"


class Use(NamedTuple):
    """One transaction; ``target_kind`` is MERCHANT, or ACCOUNT for a transfer. Time in µs since 1970."""

    account: str
    target_kind: NodeKind
    target: str
    time: int
    amount: float = 0.0
    device: str | None = None
    ip: str | None = None


class SharedScores(NamedTuple):
    """What was known before a transaction; the greater the more the accounts around it act as one."""

    account: float
    """Evidence over the account's targets, summed."""
    target: float
    """Evidence over the target's accounts, their mean."""
    thing: float
    """The same of the device or the address, whichever is more."""
    evidence: float
    """What this transaction itself adds."""


class SharingPolicy(msgspec.Struct, frozen=True):
    """What is kept and what is told; the defaults were tuned on simulated worlds."""

    window_days: float = 30.0
    young_days: float = 35.0
    recent_days: float = 14.0
    """Users that were at the target longer ago than this are not there together."""
    most_looked_at: int = 32
    """Recent users of a thing that are looked at."""
    least_evidence: float = 8.0
    """From which a transaction is told of."""
    most_edges: int = 32
    most_pairs: int = 1 << 20
    """When the window is full the pair longest unseen goes."""


class _Memory(msgspec.Struct, array_like=True):
    format: int
    policy: SharingPolicy
    names: tuple[list[tuple[str, str] | None], list[int]]
    things: dict[str, bytes]
    places: dict[str, bytes]
    shared: dict[str, bytes]


class SharedAttributes:
    """Follows transactions in the order in which they become known; not thread-safe."""

    def __init__(self, policy: SharingPolicy | None = None) -> None:
        self.policy = policy or SharingPolicy()
        most_nodes = 8 * self.policy.most_pairs + 8 * ROWS_AT_ONCE
        self._length = int(self.policy.window_days * DAY)
        self._youth = int(self.policy.young_days * DAY)
        self._recent = int(self.policy.recent_days * DAY)
        self._names = NodeNames()
        self._things = pair_window(self.policy.most_pairs, most_nodes)
        self._places = pair_window(self.policy.most_pairs, most_nodes)
        self._shared = Shared(
            agreed=reserve(most_nodes, np.int64),
            born=reserve(most_nodes, np.int64),
            birth_time=reserve(most_nodes, np.int64),
            birth_node=reserve(most_nodes, np.int32),
            counts=np.zeros(SHARED_COUNTS, dtype=np.int64),
            logarithm=logarithms(),
        )

    def __len__(self) -> int:
        """Pairs of accounts and things in the window."""
        return int(self._things.counts[HELD])

    @property
    def late(self) -> int:
        """Transactions that came when their time was out of the window already."""
        return int(self._things.counts[LATE])

    def observe(self, use: Use) -> SharedScores:
        """Score one transaction from what was known before it, then take it in."""
        return SharedScores(*self.observe_all([use])[0].tolist())

    def observe_all(self, uses: Sequence[Use]) -> NDArray[np.float64]:
        """The same for many in order, [n, 4] in the order of ``SharedScores``; how they are cut does not matter."""
        parts = [
            self._take_in(uses[start : start + ROWS_AT_ONCE]) for start in range(0, len(uses), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) / ONE if parts else np.zeros((0, SCORES))

    def expire(self, now: int) -> None:
        """Let what is too old at ``now`` (µs) go."""
        expire_shared(self._things, self._places, self._shared, now, self._length, self._youth)

    def _take_in(self, uses: Sequence[Use]) -> NDArray[np.int64]:
        number = self._names.number
        known = len(self._names)
        scores = np.zeros((len(uses), SCORES), dtype=np.int64)
        ends = [
            (
                number(NodeKind.ACCOUNT, use.account),
                number(*_target(use)),
                -1 if use.device is None else number(NodeKind.DEVICE, use.device),
                -1 if use.ip is None else number(NodeKind.IP, use.ip),
            )
            for use in uses
        ]
        account, target, *things = np.array(ends, dtype=np.int32).reshape(-1, 2 + THINGS).T.copy()
        self._shared.born[known : len(self._names)] = -1
        observe_shared(
            self._things, self._places, self._shared,
            account,
            target,
            np.stack(things, axis=1),
            np.array([use.time for use in uses], dtype=np.int64),
            np.array([use.amount for use in uses], dtype=np.float64),
            self._length, self._youth, self._recent, self.policy.most_looked_at, self.policy.most_pairs, scores,
        )  # fmt: skip
        held = len(self) + int(self._places.counts[HELD])
        if len(self._names) - len(self._names.spare) > 2 * held + ROWS_AT_ONCE:
            self._forget_names()
        return scores

    def _forget_names(self) -> None:
        used = len(self._names)
        gone = (self._things.degree[:used] == 0) & (self._places.degree[:used] == 0)
        for number in np.flatnonzero(gone).tolist():
            self._names.forget(number)

    def finding(self, use: Use) -> Finding | None:
        """Who acts together on the device or address of a transaction just taken in, where that is telling enough."""
        find = self._names.find
        account, target = find(NodeKind.ACCOUNT, use.account), find(*_target(use))
        best = max(
            (
                (self._evidence(account, target, find(kind, token)), kind, token)
                for kind, token in ((NodeKind.DEVICE, use.device), (NodeKind.IP, use.ip))
                if token is not None and min(account, target, find(kind, token)) >= 0
            ),
            default=None,
        )
        if best is None or best[0] < self.policy.least_evidence:
            return None
        evidence, kind, token = best
        others = self._companions(account, target, find(kind, token))
        names = [use.account, *(self._names.name(other)[1] for other in others)]
        return Finding(
            kind=FindingKind.SHARED_ATTRIBUTE,
            accounts=tuple(
                dict.fromkeys([*names, use.target] if use.target_kind is NodeKind.ACCOUNT else names)
            ),
            centre=token,
            edges=self._edges([account, *others], names, target, use.target),
            strength=evidence / (self.policy.least_evidence + evidence),
        )

    def _evidence(self, account: int, target: int, thing: int) -> float:
        since = int(self._things.counts[CLOCK]) - self._recent
        looked = self.policy.most_looked_at
        found = evidence_of(self._things, self._places, self._shared, account, target, thing, since, looked)
        return found / ONE

    def _companions(self, account: int, target: int, thing: int) -> list[int]:
        since = int(self._things.counts[CLOCK]) - self._recent
        looked = self.policy.most_looked_at
        found = np.zeros(looked, dtype=np.int64)
        held = companions(
            self._things, self._places, self._shared, account, target, thing, since, looked, found
        )
        return [int(other) for other in found[:held]]

    def _edges(
        self, accounts: Sequence[int], names: Sequence[str], target: int, token: str
    ) -> tuple[FoundEdge, ...]:
        edges = []
        for account, name in zip(accounts, names, strict=True):
            at = find_pair(self._places, account, target)
            if at >= 0:
                pair = self._places.pairs[at]
                edges.append(FoundEdge(name, token, int(pair["last"]), float(pair["amount"])))
        return tuple(sorted(edges, key=lambda edge: (edge.time, edge.source))[-self.policy.most_edges :])

    def to_bytes(self) -> bytes:
        """All that is known, to go on from in another process."""
        used = len(self._names)
        return msgspec.msgpack.encode(
            _Memory(
                FORMAT,
                self.policy,
                self._names.to_list(),
                pack_arrays(window_arrays(self._things, used)),
                pack_arrays(window_arrays(self._places, used)),
                pack_arrays(_shared_arrays(self._shared, used)),
            )
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The detector that wrote ``content``. Raises StoreError where it is of another release or damaged."""
        try:
            memory = msgspec.msgpack.decode(content, type=_Memory)
            if memory.format != FORMAT:
                raise StoreError(f"shared attributes: format {memory.format}, this release reads {FORMAT}")
            one = cls(memory.policy)
            things = unpack_arrays(memory.things, window_arrays(one._things, 0))
            places = unpack_arrays(memory.places, window_arrays(one._places, 0))
            shared = unpack_arrays(memory.shared, _shared_arrays(one._shared, 0))
        except msgspec.DecodeError as error:
            raise StoreError(f"shared attributes: the memory is unreadable ({error})") from error
        one._names.restore(*memory.names)
        restore_window(one._things, things)
        restore_window(one._places, places)
        _restore_shared(one._shared, shared)
        return one


@cache
def logarithms() -> NDArray[np.int64]:
    """Natural logarithms of 0 (as of 1), 1, 2, … in units of 2⁻¹⁶."""
    numbers = np.arange(COUNTED)
    numbers[0] = 1
    units: NDArray[np.int64] = np.rint(np.log(numbers) * ONE).astype(np.int64)
    return units


def _target(use: Use) -> tuple[str, str]:
    """A payee is a node apart from the same account as a payer."""
    return (PAYEE if use.target_kind is NodeKind.ACCOUNT else use.target_kind, use.target)


def _shared_arrays(shared: Shared, nodes: int) -> dict[str, NDArray[Any]]:
    births = np.arange(shared.counts[BIRTHS_FIRST], shared.counts[BIRTHS_LAST]) % len(shared.birth_time)
    return {
        "agreed": shared.agreed[:nodes],
        "born": shared.born[:nodes],
        "birth_time": shared.birth_time[births],
        "birth_node": shared.birth_node[births],
        "counts": shared.counts,
    }


def _restore_shared(shared: Shared, arrays: Mapping[str, NDArray[Any]]) -> None:
    shared.agreed[: len(arrays["agreed"])] = arrays["agreed"]
    shared.born[: len(arrays["born"])] = arrays["born"]
    shared.counts[:] = arrays["counts"]
    births = np.arange(shared.counts[BIRTHS_FIRST], shared.counts[BIRTHS_LAST]) % len(shared.birth_time)
    shared.birth_time[births] = arrays["birth_time"]
    shared.birth_node[births] = arrays["birth_node"]
