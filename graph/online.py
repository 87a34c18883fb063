"""The online graph: predict, then insert, in flat arrays that know no fixed number of nodes.

``OnlineGraph.observe`` is the only way in, for training, replay and service alike, so that what the model was trained
on is what it is served.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from graph.events import TRANSACTION, Events
from graph.features import FEATURE_NAMES
from graph.kernels.observe import observe_rows
from graph.kernels.pairs import pair_rehash
from graph.layout import ACCOUNT, DAY, DEVICE, EVENT, IP, MERCHANT, NODE, PAIR, PAYEE
from graph.nodes import NodeIndex
from graph.observation import FANOUT, MESSAGE_WIDTH, Observation

__all__ = ["OnlineGraph"]

NAME_BYTES = 180
"""Python's cost of a node's token: the text, its dictionary entry, its number."""

PAIRS_AT_FIRST = 1 << 12
PAIR_LOAD = 0.8
ENDS = 4
EVICTED_SHARE = 0.1
"""Share of nodes forgotten, oldest first, when the memory budget is reached."""


class OnlineGraph:
    """Temporal account–merchant–device–address graph with windows, label history and recent neighbours.

    Late events are counted in the buckets they belong to and never raise an age below zero. Nodes and pairs unseen
    for ``retention_days`` are forgotten at the first event of a new day; when ``memory_budget`` (bytes) is reached the
    longest unseen tenth goes. Both happen at points that the events alone decide, so results do not depend on how
    the stream was cut into batches.
    """

    def __init__(self, *, memory_budget: int = 2 << 30, retention_days: float = 180.0) -> None:
        per_node = NODE.itemsize + NAME_BYTES + 4 * PAIR.itemsize
        self.capacity = max(int(memory_budget // per_node), 64)
        self.memory_budget = memory_budget
        self.retention = int(retention_days * DAY)
        self.index = NodeIndex(self.capacity)
        self.pairs: NDArray[np.void] = np.zeros(PAIRS_AT_FIRST, dtype=PAIR)
        self.counters = np.zeros(2, dtype=np.int64)
        """[transactions seen, pairs held]"""
        self.population = np.zeros(2, dtype=np.float64)
        """[transactions seen, mean capped amount]: the prior of an account without history"""
        self.day = 0
        """Latest day (since 1970) seen so far."""

    @property
    def nodes(self) -> NDArray[np.void]:
        """Records of all nodes, by node number."""
        return self.index.nodes

    @property
    def transactions_seen(self) -> int:
        """Event number that the next transaction will get."""
        return int(self.counters[0])

    def memory(self) -> int:
        """Bytes in use by the state, names included (estimated)."""
        return len(self.index.tokens) * (NODE.itemsize + NAME_BYTES) + self.pairs.nbytes

    def observe(self, events: Events, *, neighbourhoods: bool = True) -> Observation:
        """Describe each transaction from what was known strictly before it, then insert it; take in labels.

        ``events`` are in the order in which they became known. Without ``neighbourhoods`` the dense slot arrays stay
        empty (zero rows) and only the compact form for training is returned.
        """
        if not len(events):
            return self._observe_part(events, neighbourhoods)
        parts = [self._observe_part(part, neighbourhoods) for part in self._between_evictions(events)]
        return parts[0] if len(parts) == 1 else _concatenate(parts)

    def _between_evictions(self, events: Events) -> Iterator[Events]:
        """Cut the batch where state must be forgotten, and forget there."""
        start = 0
        days = events.time // DAY
        for i in np.flatnonzero(days > np.maximum.accumulate(np.concatenate([[self.day], days[:-1]]))):
            if i > start:
                yield from self._within_budget(events.part(start, int(i)))
            if self.day:
                self.forget(int(events.time[i]) - self.retention)
            self.day = int(days[i])
            start = int(i)
        yield from self._within_budget(events.part(start, len(events)))

    def _within_budget(self, events: Events) -> Iterator[Events]:
        """Cut the batch where nodes might run out, and forget some once they have."""
        start = 0
        while start < len(events):
            if self.index.room < ENDS:
                self._forget_oldest()
            stop = min(start + self.index.room // ENDS, len(events))
            yield events.part(start, stop)
            start = stop

    def _observe_part(self, events: Events, neighbourhoods: bool) -> Observation:
        encoded = self._encode(events)
        is_transaction = events.kind == TRANSACTION
        n = int(np.count_nonzero(is_transaction))
        self._reserve_pairs(3 * n)
        out = _empty(n, neighbourhoods, encoded["ends"][is_transaction], self.transactions_seen)
        observe_rows(
            encoded, self.nodes, self.pairs, self.counters, self.population, out.features, out.self_message,
            out.slot_message, out.slot_hop2, out.slot_hop2_count, out.slot_age, out.slot_count, out.slot_serial,
        )  # fmt: skip
        return out

    def _encode(self, events: Events) -> NDArray[np.void]:
        encoded = np.empty(len(events), dtype=EVENT)
        for name in (
            "kind",
            "is_fraud",
            "channel",
            "mcc",
            "time",
            "event_time",
            "amount",
            "latitude",
            "longitude",
        ):
            encoded[name] = getattr(events, name)
        encoded["ends"] = self._intern(events)
        return encoded

    def _intern(self, events: Events) -> NDArray[np.int32]:
        """Node numbers of the ends, newcomers numbered row by row, so that they do not depend on the batch."""
        intern = self.index.intern
        columns = (events.account, events.target, events.is_transfer, events.device, events.ip)
        ends = [
            (
                intern(ACCOUNT, account),
                intern(PAYEE if is_transfer else MERCHANT, target),
                -1 if device is None else intern(DEVICE, device),
                -1 if ip is None else intern(IP, ip),
            )
            for account, target, is_transfer, device, ip in zip(*(c.tolist() for c in columns), strict=True)
        ]
        return np.array(ends, dtype=np.int32).reshape(-1, ENDS)

    def _reserve_pairs(self, more: int) -> None:
        size = len(self.pairs)
        while self.counters[1] + more > PAIR_LOAD * size:
            size *= 2
        if size > len(self.pairs):
            self._rehash(size, np.iinfo(np.int64).min)

    def _rehash(self, size: int, cutoff: int) -> None:
        table = np.zeros(size, dtype=PAIR)
        self.counters[1] = pair_rehash(self.pairs, table, cutoff, self.nodes)
        self.pairs = table

    def forget(self, cutoff: int) -> None:
        """Evict nodes and pairs last seen at or before ``cutoff`` (µs)."""
        if np.any((self.pairs["left"] > 0) & (self.pairs["last"] <= cutoff)):
            self._rehash(len(self.pairs), cutoff)
        live = self.nodes[: len(self.index.tokens)]
        self.index.evict(np.flatnonzero((live["alive"] == 1) & (live["last_seen"] <= cutoff)))

    def _forget_oldest(self) -> None:
        live = self.nodes[: len(self.index.tokens)]
        seen = np.sort(live["last_seen"][live["alive"] == 1])
        self.forget(int(seen[int(EVICTED_SHARE * (len(seen) - 1))]))


def _empty(n: int, neighbourhoods: bool, ends: NDArray[np.int32], first_event: int) -> Observation:
    dense = n if neighbourhoods else 0
    return Observation(
        features=np.empty((n, len(FEATURE_NAMES)), dtype=np.float32),
        ends=ends,
        self_message=np.empty((n, ENDS, MESSAGE_WIDTH), dtype=np.int16),
        slot_message=np.zeros((dense, ENDS, FANOUT, MESSAGE_WIDTH), dtype=np.int16),
        slot_hop2=np.zeros((dense, ENDS, FANOUT, MESSAGE_WIDTH), dtype=np.int16),
        slot_hop2_count=np.zeros((dense, ENDS, FANOUT), dtype=np.uint8),
        slot_age=np.zeros((n, ENDS, FANOUT), dtype=np.float32),
        slot_count=np.empty((n, ENDS), dtype=np.uint8),
        slot_serial=np.full((n, ENDS, FANOUT), -1, dtype=np.int64),
        first_event=first_event,
    )


def _concatenate(parts: list[Observation]) -> Observation:
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Observation.__slots__
        if name != "first_event"
    }
    return Observation(**arrays, first_event=parts[0].first_event)
