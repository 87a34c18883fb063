"""The online graph: predict, then insert, in flat arrays that know no fixed number of nodes.

``OnlineGraph.observe`` is the only way in, for training, replay and service alike, so that what the model was trained
on is what it is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fraud.settings import OnlineSettings
from graph.dense_blocks import DenseBlocks
from graph.detectors import Detector
from graph.events import Events
from graph.features import FEATURE_NAMES
from graph.finding import FindingKind
from graph.found import FoundNames
from graph.kernels.observe import observe_rows
from graph.layout import DAY, NODE, PAIR
from graph.motif_layout import TRANSFER
from graph.motifs import WINDOW, MotifState
from graph.nodes import NAME_BYTES, NodeIndex, pack_names
from graph.observation import FANOUT, MESSAGE_WIDTH, Observation
from graph.pairs import PairTable
from graph.preview import look_at
from graph.shared_attributes import SharedAttributes

__all__ = ["DETECTORS", "DETECTOR_SHARE", "OnlineGraph", "detectors_of"]

PAIRS_A_NODE = 4
"""What the budget allows for: accounts have a dozen pairs, the other nodes share theirs."""

FEWEST_NODES = 64
MOTIF_SHARE = 8
"""One part in so many of the memory budget is for transfers within the window of the motifs."""
DETECTOR_SHARE = 8
"""One part in so many of the memory budget is what each detector may take besides."""
DETECTORS: dict[FindingKind, Callable[[int, int], Detector]] = {
    one.kind: one for one in (SharedAttributes, DenseBlocks)
}
"""By what they find: made of the most nodes there may be, and the bytes it may take."""
ENDS = 4
EVICTED_SHARE = 0.1
"""Share of nodes forgotten, oldest first, when the memory budget is reached."""


class OnlineGraph:
    """Temporal account–merchant–device–address graph with windows, label history and recent neighbours.

    Late events are counted in the buckets they belong to and never raise an age below zero. Nodes and pairs unseen
    for ``retention_days`` are forgotten at the first event of a new day; when ``memory_budget`` (bytes) is reached the
    longest unseen tenth goes. Both happen at points that the events alone decide, so results do not depend on how
    the stream was cut into batches. The transfers of a pattern lie within ``motif_window`` µs. ``detectors`` are named
    after what they find; no other part of the state depends on them.
    """

    def __init__(
        self,
        *,
        memory_budget: int = 2 << 30,
        retention_days: float = 180.0,
        motif_window: int = WINDOW,
        detectors: Iterable[FindingKind] = (),
    ) -> None:
        for_motifs = memory_budget // MOTIF_SHARE
        per_node = NODE.itemsize + NAME_BYTES + 8 + PAIRS_A_NODE * PAIR.itemsize * 5 // 4
        self.capacity = max(int((memory_budget - for_motifs) // per_node), FEWEST_NODES)
        self.memory_budget = memory_budget
        self.retention = int(retention_days * DAY)
        self.index = NodeIndex(self.capacity)
        self.pairs = PairTable(max(PAIRS_A_NODE, FEWEST_NODES) * FEWEST_NODES + PAIRS_A_NODE * self.capacity)
        self.motifs = MotifState(self.capacity, for_motifs // TRANSFER.itemsize, window=motif_window)
        self.counters = np.zeros(2, dtype=np.int64)
        """[transactions seen, pairs held]"""
        self.population = np.zeros(2, dtype=np.float64)
        """[transactions seen, mean capped amount]: the prior of an account without history"""
        self.day = 0
        """Latest day (since 1970) seen so far."""
        self.detectors: tuple[Detector, ...] = ()
        self.detect(detectors)

    @classmethod
    def within(cls, bounds: OnlineSettings, *, detecting: bool = True) -> Self:
        """A fresh one within the bounds of the settings, with their detectors unless nobody asks what these find."""
        return cls(
            memory_budget=bounds.memory_mb << 20,
            retention_days=bounds.retention_days,
            detectors=detectors_of(bounds) if detecting else (),
        )

    @property
    def nodes(self) -> NDArray[np.void]:
        """Records of all nodes, by node number."""
        return self.index.nodes

    @property
    def transactions_seen(self) -> int:
        """Event number that the next transaction will get."""
        return int(self.counters[0])

    def memory(self) -> int:
        """Bytes in use by the state, names included."""
        detectors = sum(one.memory(self.index.used) for one in self.detectors)
        return self.index.memory() + self.pairs.memory() + self.motifs.memory() + detectors

    def detect(self, kinds: Iterable[FindingKind]) -> None:
        """Have these detectors from now on: those at work already go on, others begin with what comes next."""
        known = {one.kind: one for one in self.detectors}
        room = self.memory_budget // DETECTOR_SHARE
        self.detectors = tuple(
            known.get(kind) or DETECTORS[kind](self.capacity, room) for kind in sorted(set(kinds))
        )

    def observe(self, events: Events, *, neighbourhoods: bool = True) -> Observation:
        """Describe each transaction from what was known strictly before it, then insert it; take in labels.

        ``events`` are in the order in which they became known. Without ``neighbourhoods`` the dense slot arrays stay
        empty (zero rows), no patterns are told, and only the compact form for training is returned.
        """
        rows = events.rows
        n = len(rows) - int(np.count_nonzero(rows["kind"]))
        dense = n if neighbourhoods else 0
        found = FoundNames(self.motifs.found.of(dense))
        detected = [FoundNames(one.found.of(dense)) for one in self.detectors]
        first_event = self.transactions_seen
        out = _empty(n, neighbourhoods)
        packed = pack_names(events.names())
        start = written = 0
        while start < len(rows):
            stop = self.index.intern(rows, start, packed, self.counters, self.day, self.pairs.most)
            if stop == start:
                self._make_way(int(rows["time"][start]))
                continue
            first = written
            written = observe_rows(
                rows[start:stop], first, self.nodes, self.pairs.places, self.pairs.segments, self.counters,
                self.population, out["features"], out["ends"], out["self_message"], out["slot_message"],
                out["slot_hop2"], out["slot_hop2_count"], out["slot_age"], out["slot_count"], out["slot_serial"],
                self.index.names, self.motifs.arrays, found.written, True,
            )  # fmt: skip
            found.name(self.motifs.arrays.parties["name"])
            for detector, told in zip(self.detectors, detected, strict=True):
                detector.observe(rows[start:stop], first, told.written)
                told.name(self.index.names)
            start = stop
        return Observation(
            **out,
            first_event=first_event,
            found=found.patterns(),
            detected=tuple(told.patterns() for told in detected),
        )

    def preview(self, events: Events, *, neighbourhoods: bool = True) -> Observation:
        """What ``observe`` would say of each transaction if it came now, alone; the state stays as it is.

        ``events`` hold no labels. Each is described at its own time, which may lie in the past: from all that is known
        by now, that it has happened already included. Nothing is forgotten to make way for it, whatever its day.
        """
        n = len(events)
        found = FoundNames(self.motifs.found.of(n if neighbourhoods else 0))
        out = _empty(n, neighbourhoods)
        look_at(self.index, self.pairs, self.motifs, self.counters, self.population, events, out, found)
        return Observation(**out, first_event=self.transactions_seen, found=found.patterns(), detected=())

    def _make_way(self, time: int) -> None:
        """Forget what is due before an event that opens a new day, or else what memory has no more room for."""
        day = time // DAY
        if day <= self.day:
            self._forget_oldest()
            return
        if self.day:
            self.forget(time - self.retention)
        self.day = day

    def forget(self, cutoff: int) -> None:
        """Evict nodes and pairs last seen at or before ``cutoff`` (µs)."""
        self.counters[1] -= self.pairs.forget(cutoff, self.nodes)
        is_old = self.nodes["last_seen"][: self.index.used] <= cutoff
        evicted = np.flatnonzero(is_old & self.index.is_live())
        self.motifs.release(self.nodes, evicted)
        for detector in self.detectors:
            detector.forget(cutoff)
        self.index.evict(evicted)

    def _forget_oldest(self) -> None:
        seen = np.sort(self.nodes["last_seen"][: self.index.used][self.index.is_live()])
        self.forget(int(seen[int(EVICTED_SHARE * (len(seen) - 1))]))


def detectors_of(bounds: OnlineSettings) -> tuple[FindingKind, ...]:
    """Which detectors the settings have switched on."""
    switched = {
        FindingKind.SHARED_ATTRIBUTE: bounds.shared_attributes,
        FindingKind.DENSE_BLOCK: bounds.dense_blocks,
    }
    return tuple(kind for kind, is_on in switched.items() if is_on)


def _empty(n: int, neighbourhoods: bool) -> dict[str, NDArray[Any]]:
    """Room for what the kernel says, by field of the observation; it fills every element."""
    dense = n if neighbourhoods else 0
    return {
        "features": np.empty((n, len(FEATURE_NAMES)), dtype=np.float32),
        "ends": np.empty((n, ENDS), dtype=np.int32),
        "self_message": np.empty((n, ENDS, MESSAGE_WIDTH), dtype=np.int16),
        "slot_message": np.empty((dense, ENDS, FANOUT, MESSAGE_WIDTH), dtype=np.int16),
        "slot_hop2": np.empty((dense, ENDS, FANOUT, MESSAGE_WIDTH), dtype=np.int16),
        "slot_hop2_count": np.empty((dense, ENDS, FANOUT), dtype=np.uint8),
        "slot_age": np.empty((n, ENDS, FANOUT), dtype=np.float32),
        "slot_count": np.empty((n, ENDS), dtype=np.uint8),
        "slot_serial": np.empty((n, ENDS, FANOUT), dtype=np.int64),
    }
