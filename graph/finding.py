"""Structural patterns through a transaction, as of the moment it was observed."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from fraud.ring import NodeKind

__all__ = ["Finding", "FindingKind", "FoundEdge"]


class FindingKind(StrEnum):
    """What was found; a document of each detector names its paper."""

    CYCLE = "cycle"
    FAN_IN = "fan_in"
    FAN_OUT = "fan_out"
    SCATTER_GATHER = "scatter_gather"
    GATHER_SCATTER = "gather_scatter"
    DENSE_BLOCK = "dense_block"
    SHARED_ATTRIBUTE = "shared_attribute"


class FoundEdge(NamedTuple):
    """One payment of a pattern, between tokens."""

    source: str
    target: str
    time: int
    """µs since 1970 UTC"""
    amount: float


class Finding(msgspec.Struct, frozen=True):
    """One pattern that a transaction completes or extends."""

    kind: FindingKind
    accounts: tuple[str, ...]
    """All accounts in it, the payer and the payee of the transaction included."""
    centre: str | None
    """What the others meet at: the collector of a fan-in, the payer of a fan-out, a shared device, a merchant."""
    edges: tuple[FoundEdge, ...]
    """Oldest first; bounded, so a large pattern shows its newest ones."""
    strength: float
    """How far beyond the ordinary, 0 to 1, comparable within a kind only."""
    centre_kind: NodeKind | None = None
    """What the centre is."""
