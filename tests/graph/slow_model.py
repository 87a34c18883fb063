"""The online graph once more, slow and plain: lists of what happened, and every figure counted afresh from them.

Written from what ``graph`` documents, not from its kernels: no buckets, no running figures, no node numbers. A window
is a filter over a list, a decayed count a sum of powers, an eviction the removal of a name. Only the constants that
were tuned are taken from the kernels.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from graph.kernels.labels import EXPLAINED, PRIOR_FRAUDS, PRIOR_KNOWN
from graph.kernels.observe import CAP, YOUNG
from graph.observation import FANOUT
from tests.graph.slow_motifs import SlowMotifs
from tests.graph.streams import DAY, HOUR, SECOND, Raw

NodeKey = tuple[str, str]
Message = list[int]
Thing = TypeVar("Thing")

WINDOWS = {"1h": (4, HOUR // 4), "1d": (6, 4 * HOUR), "7d": (7, DAY), "30d": (6, 5 * DAY)}
"""Whole buckets, and the width of one."""
HALF_LIVES = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY}


@dataclass(frozen=True)
class Entry:
    """One transaction in the history of one of its ends."""

    raw: Raw
    other: Node
    other_token: str
    serial: int
    message: Message
    hop2: list[Message]
    latest: int
    """Latest time in the history up to here."""
    prior: float
    """Mean capped amount of all payers before this one."""
    multiple: float
    capped: float
    is_new_pair: bool
    is_shared: bool
    is_young: bool


@dataclass(frozen=True)
class Told:
    """One label in the history of one end of its transaction."""

    raw: Raw
    is_plain: bool

    @property
    def is_fraud(self) -> bool:
        return self.raw.is_fraud

    @property
    def known_at(self) -> int:
        assert self.raw.known_at is not None
        return self.raw.known_at

    @property
    def happened(self) -> int:
        """Whole seconds."""
        return self.raw.time // SECOND


@dataclass(eq=False)
class Node:
    """All that happened to one end since it was last forgotten."""

    key: NodeKey
    history: list[Entry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    marked: Raw | None = None
    """The latest ring mark of its account since it is known."""

    @property
    def last_seen(self) -> int:
        return self.history[-1].latest if self.history else 0

    def window(self, tier: str, now: int) -> list[Entry]:
        size, width = WINDOWS[tier]
        held = in_window([(entry.raw.time, entry) for entry in self.history], size, width, now)
        return [entry for _, entry in held]

    def decayed(self, weights: Iterable[tuple[Entry, float]], tier: str, now: int) -> float:
        """Sum of weights, each halved with every half-life since; a late entry counts as of the latest before it."""
        present = max(now, self.last_seen)
        return sum(w * 0.5 ** ((present - entry.latest) / HALF_LIVES[tier]) for entry, w in weights)

    def risk(self) -> float:
        recent = self.told[-32:]
        return (sum(one.is_fraud for one in recent) + PRIOR_FRAUDS) / (len(recent) + PRIOR_KNOWN)


def in_window(timed: list[tuple[int, Thing]], size: int, width: int, now: int) -> list[tuple[int, Thing]]:
    """What lies in the ``size`` whole buckets up to now; the newest bucket ever decides which are still held."""
    newest = max([time // width for time, _ in timed], default=0)
    last = now // width
    return [(time, x) for time, x in timed if max(last, newest) - size < time // width <= last]


def distinct(tokens: Iterable[str]) -> float:
    zeros = 32 - len({zlib.crc32(token.encode()) % 32 for token in tokens})
    return -32 * math.log(max(zeros, 0.5) / 32)


@dataclass
class Pair:
    """What one account did with one target, device or address."""

    times: list[int] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)

    def last(self) -> int:
        return max(self.times)

    def decayed(self, tier: str, now: int) -> float:
        present = max(now, self.last())
        latest = [max(self.times[: i + 1]) for i in range(len(self.times))]
        return sum(0.5 ** ((present - time) / HALF_LIVES[tier]) for time in latest)


class SlowGraph:
    """Same doors as ``OnlineGraph``, one event at a time."""

    def __init__(self, *, capacity: int, retention_days: float) -> None:
        self.capacity = capacity
        self.retention = int(retention_days * DAY)
        self.nodes: dict[NodeKey, Node] = {}
        self.pairs: dict[tuple[str, NodeKey], Pair] = {}
        self.motifs = SlowMotifs()
        self.capped: list[float] = []
        self.serial = 0
        self.newest_day = 0

    def ends(self, raw: Raw) -> list[Node | None]:
        """The nodes of payer, target, device and address, made where unknown."""
        keys = (
            ("account", raw.account),
            ("payee" if raw.is_transfer else "merchant", raw.target),
            ("device", raw.device),
            ("ip", raw.ip),
        )
        return [
            None if token is None else self.nodes.setdefault((kind, token), Node((kind, token)))
            for kind, token in keys
        ]

    def twin(self, node: Node | None) -> Node | None:
        """Other side of the same account, once it has transacted."""
        sides = {"account": "payee", "payee": "account"}
        if node is None or node.key[0] not in sides:
            return None
        other = self.nodes.get((sides[node.key[0]], node.key[1]))
        return other if other is not None and other.history else None

    def degree(self, node: Node, kinds: tuple[str, ...] = ("merchant", "payee")) -> int:
        """An account's partners of some kinds; of any other node, its accounts."""
        kind, token = node.key
        if kind == "account":
            return sum(left == token and right[0] in kinds for left, right in self.pairs)
        return sum(right == node.key for _, right in self.pairs)

    def pair(self, account: Node, other: Node | None) -> Pair | None:
        return None if other is None else self.pairs.get((account.key[1], other.key))

    def population(self) -> float:
        """Mean capped amount of all; NaN before the first."""
        return math.fsum(self.capped) / len(self.capped) if self.capped else math.nan

    def typical(self, account: Node) -> float:
        capped = [entry.capped for entry in account.history]
        return (self.population() + math.fsum(capped)) / (len(capped) + 1)

    def make_room(self, raw: Raw) -> None:
        """Forget what is due before this event."""
        now = raw.time if raw.known_at is None else raw.known_at
        if now // DAY > self.newest_day:
            if self.newest_day:
                self._forget(now - self.retention)
            self.newest_day = now // DAY
        if self.capacity - len(self.nodes) < 4:
            seen = sorted(node.last_seen for node in self.nodes.values())
            self._forget(seen[(len(seen) - 1) // 10])

    def _forget(self, cutoff: int) -> None:
        self.pairs = {key: pair for key, pair in self.pairs.items() if pair.last() > cutoff}
        self.nodes = {key: node for key, node in self.nodes.items() if node.last_seen > cutoff}
        self.motifs.forget({token for kind, token in self.nodes if kind in ("account", "payee")})

    def reveal(self, raw: Raw) -> None:
        """Take in one label."""
        ends = self.ends(raw)
        account = ends[0]
        assert account is not None
        explained = bool(self.capped) and raw.amount > EXPLAINED * self.typical(account)
        is_plain = raw.is_fraud and bool(self.capped) and not explained
        for node in ends:
            if node is not None:
                node.told.append(Told(raw, is_plain))

    def mark(self, raw: Raw) -> None:
        """Take in what the ring desk says of an account."""
        for kind in ("account", "payee"):
            node = self.nodes.get((kind, raw.account))
            if node is not None:
                node.marked = raw

    def insert(self, raw: Raw, messages: list[Message]) -> None:
        """Add a transaction, described already, to the histories of its ends."""
        ends = self.ends(raw)
        account, target, device, _ = ends
        assert account is not None
        assert target is not None
        prior = self.population() if self.capped else raw.amount
        typical = self.typical(account) if self.capped else raw.amount
        multiple, capped = raw.amount / typical, min(raw.amount, CAP * typical)
        is_young = not account.history or raw.time - account.history[0].raw.time < YOUNG
        hop2 = [[entry.message for entry in node.history[-FANOUT:]] for node in (account, target)]
        is_new = self.pair(account, target) is None
        for other in ends[1:]:
            if other is not None:
                pair = self.pairs.setdefault((account.key[1], other.key), Pair())
                pair.times.append(raw.time)
                pair.amounts.append(raw.amount)
        is_shared = device is not None and self.degree(device) > 1
        for role, node in enumerate(ends):
            if node is None:
                continue
            sender = 1 if role == 0 else 0
            other = target if role == 0 else account
            node.history.append(
                Entry(
                    raw=raw,
                    other=other,
                    other_token=other.key[1],
                    serial=2 * self.serial + sender,
                    message=messages[sender],
                    hop2=hop2[sender],
                    latest=max(raw.time, node.last_seen),
                    prior=prior,
                    multiple=multiple,
                    capped=capped,
                    is_new_pair=is_new,
                    is_shared=is_shared,
                    is_young=is_young,
                )
            )
        self.motifs.insert(raw)
        self.capped.append(capped)
        self.serial += 1
