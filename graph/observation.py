"""What the online graph says of a micro-batch of transactions, as of the instant before each of them.

The arrays here are the contract between ``graph`` and its readers (``gnn``, ``models``, ``stream``). One row a
transaction, in event order. ``ROLES`` fixes the meaning of every axis of length 4.

Neighbourhoods follow *edge-time semantics* (as in TGAT, Xu et al. 2020): each node keeps its most recent
``FANOUT`` transactions; a slot holds the *message* that the other end left when that transaction happened, and
the sum of the messages that this other end itself held at that moment (its hop 2). So a two-hop temporal
neighbourhood, strictly before the transaction and strictly before each earlier edge, is one sequential read.

Messages are 16-bit fixed point with ``MESSAGE_SCALE`` units to 1, clipped to ±``MESSAGE_LIMIT``, so that sums over
``FANOUT`` of them are exact in int16 and independent of their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from graph.finding import Finding
from graph.found import FoundPatterns

__all__ = [
    "ARRAYS",
    "FANOUT",
    "MESSAGE_LIMIT",
    "MESSAGE_NAMES",
    "MESSAGE_SCALE",
    "MESSAGE_WIDTH",
    "ROLES",
    "NeighbourHistory",
    "Observation",
]

ROLES: tuple[str, ...] = ("account", "target", "device", "ip")
"""Ends of a transaction edge: payer, merchant or counterparty account, device, IP address."""

FANOUT = 8
"""Most recent transactions that a node remembers (K)."""

MESSAGE_NAMES: tuple[str, ...] = (
    # state of the end that leaves the message, strictly before the transaction
    "log_count_1h",
    "log_count_1d",
    "log_count_30d",
    "log_mean_amount_30d",
    "log_degree",
    "log_hours_since_last",
    "log_days_since_first",
    "label_risk",
    "log_known_frauds",
    "is_merchant",
    # the transaction itself
    "log_amount",
    "log_amount_ratio",
    "pair_is_new",
    "log_device_accounts",
    "hour_sin",
    "hour_cos",
)
MESSAGE_WIDTH = len(MESSAGE_NAMES)
"""Numbers in a message (D)."""

MESSAGE_SCALE = 256.0
MESSAGE_LIMIT = 15.9


@dataclass(frozen=True, slots=True)
class Observation:
    """State as of the instant before each of n transactions (n may be 0).

    Axes: n transactions, 4 ``ROLES``, K = ``FANOUT`` slots (oldest first, filled from 0), D = ``MESSAGE_WIDTH``.
    An end that the transaction lacks (no device, say) has ``ends`` −1, zero messages and no slots.
    """

    features: NDArray[np.float32]
    """[n, F] in the order of ``graph.features.FEATURE_NAMES``; NaN means "does not apply"."""
    ends: NDArray[np.int32]
    """[n, 4] node numbers, −1 for none."""
    self_message: NDArray[np.int16]
    """[n, 4, D] the message each end leaves with this transaction (its state before, plus the transaction)."""
    slot_message: NDArray[np.int16]
    """[n, 4, K, D] messages held by each end."""
    slot_hop2: NDArray[np.int16]
    """[n, 4, K, D] for each slot, the sum of the messages its sender held at that edge's time."""
    slot_hop2_count: NDArray[np.uint8]
    """[n, 4, K] how many messages that sum holds."""
    slot_age: NDArray[np.float32]
    """[n, 4, K] log1p of the hours from the slot's transaction to this one."""
    slot_count: NDArray[np.uint8]
    """[n, 4] filled slots of each end."""
    slot_serial: NDArray[np.int64]
    """[n, 4, K] which message fills the slot: 2·event number + (0 sent by the payer, 1 by the target); −1 empty."""
    first_event: int
    """Event number of row 0; row i is event ``first_event + i`` and leaves serials 2·event and 2·event + 1."""
    found: FoundPatterns = field(default_factory=FoundPatterns)
    """Patterns of transfers through each transaction, this one included; none without neighbourhoods."""
    detected: tuple[FoundPatterns, ...] = ()
    """What each detector of the graph found, likewise; a preview asks none of them."""

    def __len__(self) -> int:
        return len(self.features)

    def findings(self, row: int) -> tuple[Finding, ...]:
        """All structural findings of a transaction: patterns of transfers, then what the detectors found."""
        return tuple(one for found in (self.found, *self.detected) for one in found.findings(row))

    def take(self, rows: NDArray[np.int64]) -> Observation:
        """The given rows alone, copied; event numbers of the rows are then no longer consecutive."""
        parts = {name: getattr(self, name)[rows] for name in ARRAYS}
        return Observation(
            **parts, first_event=self.first_event, found=self.found.take(rows),
            detected=tuple(found.take(rows) for found in self.detected),
        )  # fmt: skip


ARRAYS: tuple[str, ...] = tuple(
    name for name in Observation.__slots__ if name not in ("first_event", "found", "detected")
)
"""Fields of an observation that have one row a transaction."""


@dataclass(frozen=True, slots=True)
class NeighbourHistory:
    """The whole of a replay in the compact form that training needs; row i is event number i.

    A slot's message is ``self_message[serial // 2, serial % 2]`` and its own hop 2 are the slots
    ``slot_serial[serial // 2, serial % 2]``: the full two-hop temporal neighbourhood can be rebuilt from here.
    """

    self_message: NDArray[np.int16]
    """[n, 4, D]"""
    slot_serial: NDArray[np.int64]
    """[n, 4, K]"""
    slot_age: NDArray[np.float32]
    """[n, 4, K]"""

    def __len__(self) -> int:
        return len(self.self_message)
