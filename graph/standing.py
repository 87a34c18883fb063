"""How a node stands: what its colour means, on the investigators' pages and in Neo4j Browser alike."""

from __future__ import annotations

from enum import StrEnum

from graph.subgraph import GraphNode

__all__ = ["OFTEN", "Standing", "standing_of"]

OFTEN = 0.05
"""Part of a node's transactions that were held, from which it counts as suspicious itself."""


class Standing(StrEnum):
    """Whether something is against a node."""

    FLAGGED = "flagged"
    SUSPICIOUS = "suspicious"
    CLEARED = "cleared"
    NEUTRAL = "neutral"


def standing_of(node: GraphNode, *, is_flagged: bool, is_cleared: bool = False) -> Standing:
    """Flagged where an open alert is about it; cleared where people looked and found nothing; suspicious where it is in
    a ring, or was often held.
    """
    if is_flagged:
        return Standing.FLAGGED
    if is_cleared:
        return Standing.CLEARED
    if node.rings or node.held > OFTEN * node.transactions:
        return Standing.SUSPICIOUS
    return Standing.NEUTRAL
