"""The patterns that the transactions of a micro-batch complete or extend, as ragged arrays.

Collected when each transaction was observed, so that they do not depend on how the stream was cut; turned into
``Finding``s only for the few rows that somebody asks about.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graph.finding import Finding, FindingKind, FoundEdge
from graph.motif_layout import FOUND, FOUND_EDGE, PATTERN_KINDS, FoundArrays
from graph.name_layout import unpack_name

__all__ = ["FoundNames", "FoundPatterns"]


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
        edges = [
            FoundEdge(
                unpack_name(self.sources[i]),
                unpack_name(self.targets[i]),
                int(self.edges["time"][i]),
                float(self.edges["amount"][i]),
            )
            for i in range(first, last)
        ]
        edges.sort(key=lambda edge: edge.time)
        kind: FindingKind = PATTERN_KINDS[pattern["kind"]]
        accounts = dict.fromkeys(account for edge in edges for account in (edge.source, edge.target))
        centre = unpack_name(self.centres[number]) if self.centres[number].any() else None
        return Finding(kind, tuple(accounts), centre, tuple(edges), float(pattern["strength"]))


class FoundNames:
    """Names the accounts in what kernels write, part by part, each before a number may mean another account."""

    def __init__(self, written: FoundArrays) -> None:
        self.written = written
        self._parts: list[tuple[NDArray[np.uint64], ...]] = []
        self._named = (0, 0)

    def name(self, parties: NDArray[np.void]) -> None:
        """Name what was written since the last time; ``parties`` are records of ``graph.motif_layout.PARTY``."""
        patterns, edges = self.written.counts.tolist()
        if patterns == self._named[0]:
            return
        names: NDArray[np.uint64] = parties["name"]
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
