"""The patterns that the transactions of a micro-batch complete or extend, as ragged arrays.

Collected when each transaction was observed, so that they do not depend on how the stream was cut; turned into
``Finding``s only for the few rows that somebody asks about.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fraud.ring import NodeKind
from graph.finding import Finding, FindingKind, FoundEdge
from graph.motif_layout import FOUND, FOUND_EDGE, PATTERN_KINDS, FoundArrays
from graph.name_layout import ACCOUNT, DEVICE, IP, MERCHANT, PAYEE, kind_of_name, unpack_name

__all__ = ["FoundNames", "FoundPatterns", "FoundRoom"]


NODE_KINDS = {
    ACCOUNT: NodeKind.ACCOUNT,
    MERCHANT: NodeKind.MERCHANT,
    DEVICE: NodeKind.DEVICE,
    IP: NodeKind.IP,
    PAYEE: NodeKind.ACCOUNT,
}
_NO_SPANS = np.zeros((0, 2), dtype=np.int32)
_NO_PATTERNS = np.zeros(0, dtype=FOUND)
_NO_EDGES = np.zeros(0, dtype=FOUND_EDGE)
_NO_NAMES = np.zeros((0, 4), dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class FoundPatterns:
    """Patterns of n transactions, in their order; with no spans at all, nobody looked for any.

    Names are those of ``graph.nodes``, packed, so that what was found outlives the eviction of a node.
    """

    spans: NDArray[np.int32] = field(default_factory=lambda: _NO_SPANS)
    """[n, 2] first pattern of each transaction and the one after its last."""
    patterns: NDArray[np.void] = field(default_factory=lambda: _NO_PATTERNS)
    """[p] records of ``graph.motif_layout.FOUND``"""
    edges: NDArray[np.void] = field(default_factory=lambda: _NO_EDGES)
    """[e] records of ``graph.motif_layout.FOUND_EDGE``, pattern after pattern"""
    centres: NDArray[np.uint64] = field(default_factory=lambda: _NO_NAMES)
    """[p, 4] name of the centre of each pattern, zeros for none"""
    sources: NDArray[np.uint64] = field(default_factory=lambda: _NO_NAMES)
    """[e, 4]"""
    targets: NDArray[np.uint64] = field(default_factory=lambda: _NO_NAMES)
    """[e, 4]"""

    def take(self, rows: NDArray[np.int64]) -> FoundPatterns:
        """The patterns of the given transactions alone."""
        if not len(self.spans):
            return self
        spans = self.spans[rows].astype(np.int64)
        kept = _ranges(spans[:, 0], spans[:, 1])
        stops = np.cumsum(self.patterns["edges"])
        edges = _ranges((stops - self.patterns["edges"])[kept], stops[kept])
        ends = np.cumsum(spans[:, 1] - spans[:, 0])
        return FoundPatterns(
            np.stack([ends - (spans[:, 1] - spans[:, 0]), ends], axis=1).astype(np.int32),
            self.patterns[kept],
            self.edges[edges],
            self.centres[kept],
            self.sources[edges],
            self.targets[edges],
        )

    def findings(self, row: int) -> tuple[Finding, ...]:
        """The patterns through one transaction; empty where none was found or looked for."""
        if not len(self.spans):
            return ()
        start, stop = self.spans[row].tolist()
        first = int(self.patterns["edges"][:start].sum())
        found = []
        for number in range(start, stop):
            pattern = self.patterns[number]
            last = first + int(pattern["edges"])
            found.append(self._finding(number, first, last))
            first = last
        return tuple(found)

    def _finding(self, number: int, first: int, last: int) -> Finding:
        pattern = self.patterns[number]
        order = first + np.argsort(self.edges["time"][first:last], kind="stable")
        ends = [(self.sources[i], self.targets[i]) for i in order.tolist()]
        times, amounts = self.edges["time"][order].tolist(), self.edges["amount"][order].tolist()
        edges = [
            FoundEdge(unpack_name(source), unpack_name(target), time, amount)
            for (source, target), time, amount in zip(ends, times, amounts, strict=True)
        ]
        kind: FindingKind = PATTERN_KINDS[pattern["kind"]]
        accounts = dict.fromkeys(
            unpack_name(name) for pair in ends for name in pair if kind_of_name(name) in (ACCOUNT, PAYEE)
        )
        name = self.centres[number]
        centre, centre_kind = None, None
        if name.any():
            centre, centre_kind = unpack_name(name), NODE_KINDS[kind_of_name(name)]
        return Finding(kind, tuple(accounts), centre, tuple(edges), float(pattern["strength"]), centre_kind)


class FoundRoom:
    """Room for what is found at the transactions of one call, used again by the next.

    ``patterns`` and ``edges``: of one transaction, at most.
    """

    def __init__(self, patterns: int, edges: int) -> None:
        self._most = patterns, edges
        self._patterns = np.empty(0, dtype=FOUND)
        self._edges = np.empty(0, dtype=FOUND_EDGE)
        self._counts = np.zeros(2, dtype=np.int64)

    def of(self, n: int) -> FoundArrays:
        """For ``n`` transactions, good until the next call; n may be 0."""
        patterns, edges = self._most
        if len(self._patterns) < n * patterns:
            self._patterns = np.empty(n * patterns, dtype=FOUND)
            self._edges = np.empty(n * edges, dtype=FOUND_EDGE)
        self._counts[:] = 0
        return FoundArrays(np.empty((n, 2), dtype=np.int32), self._patterns, self._edges, self._counts)


class FoundNames:
    """Names the accounts in what kernels write, part by part, each before a number may mean another account."""

    def __init__(self, written: FoundArrays) -> None:
        self.written = written
        self._parts: list[tuple[NDArray[np.uint64], ...]] = []
        self._named = (0, 0)

    def name(self, names: NDArray[np.uint64]) -> None:
        """Name what was written since the last time; ``names`` [k, 4] are those of the numbers written."""
        patterns, edges = self.written.counts.tolist()
        if patterns == self._named[0]:
            return
        centre = self.written.patterns["centre"][self._named[0] : patterns]
        shown = self.written.edges[self._named[1] : edges]
        centres = names[np.maximum(centre, 0)]
        centres[centre < 0] = 0
        self._parts.append((centres, names[shown["source"]], names[shown["target"]]))
        self._named = patterns, edges

    def patterns(self) -> FoundPatterns:
        """All that was written and named."""
        if not self._parts:
            return FoundPatterns(self.written.spans)
        held, shown = self._named
        names = [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]
        written = self.written
        return FoundPatterns(
            written.spans, written.patterns[:held].copy(), written.edges[:shown].copy(), *names
        )


def _ranges(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """All the numbers from each start to its stop, one range after the other."""
    lengths = stops - starts
    begin = np.cumsum(lengths) - lengths
    numbers: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(starts - begin, lengths)
    return numbers
