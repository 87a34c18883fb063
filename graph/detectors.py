"""Detectors that hang on the online graph: their findings are evidence for people, and never features.

Each keeps a window of its own over the graph's node numbers, takes in the same events in the same order, forgets what
the graph forgets, and is saved with it. They look only at what they are shown, so the graph, and every score, is the
same with them and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graph.finding import FindingKind
from graph.found import FoundRoom
from graph.motif_layout import FoundArrays

__all__ = ["Detector"]


class Detector(Protocol):
    """What the online graph asks of a detector."""

    @property
    def kind(self) -> FindingKind:
        """What it finds."""
        ...

    @property
    def found(self) -> FoundRoom:
        """Room for that."""
        ...

    def observe(self, rows: NDArray[np.void], row: int, found: FoundArrays) -> object:
        """Take in events, records of ``graph.layout.EVENT`` with their ends numbered, in the graph's order.

        The n-th transaction fills row ``row`` + n of ``found``, as node numbers, from what was known before it; nothing
        is asked for where that has no spans. Labels and marks move nothing.
        """
        ...

    def forget(self, cutoff: int) -> None:
        """Let all pairs go that were last seen at or before ``cutoff`` (µs).

        The graph evicts nodes last seen until then: they have no other pairs, and their numbers may be given again.
        """
        ...

    def memory(self, nodes: int) -> int:
        """Bytes written so far, where ``nodes`` numbers were given out."""
        ...

    def blocks(self, nodes: int) -> dict[str, NDArray[Any]]:
        """What a snapshot keeps, of nodes those numbered below ``nodes``; the names are the detector's own."""
        ...

    def restore(self, blocks: Mapping[str, NDArray[Any]]) -> None:
        """Bring back what ``blocks`` told."""
        ...
