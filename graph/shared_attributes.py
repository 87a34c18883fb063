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
one event is bounded however many use a thing. It is told from what was known strictly before the transaction; from
``least_evidence`` on it is a finding: who acts together on the device or address, and what each paid or used there.

It hangs on the online graph (``graph.detectors``): ``OnlineGraph(detectors=[FindingKind.SHARED_ATTRIBUTE])``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from graph.finding import FindingKind
from graph.found import FoundRoom
from graph.kernels.pair_window import HELD, LATE
from graph.kernels.shared_attributes import (
    BIRTHS_FIRST,
    BIRTHS_LAST,
    SHARED_COUNTS,
    UNIT_BITS,
    Shared,
    Spans,
    forget_shared,
    observe_shared,
)
from graph.layout import DAY
from graph.motif_layout import FoundArrays
from graph.reserve import reserve
from graph.windowed import (
    BYTES_A_NODE,
    BYTES_A_PAIR,
    pair_window,
    part_of,
    restore_window,
    window_arrays,
    window_memory,
)

__all__ = ["SharedAttributes", "SharingPolicy"]

ONE = 1 << UNIT_BITS
COUNTED = 1 << 20
"""Numbers above this count as this when their logarithm is taken."""

FEWEST_PAIRS = 64
BIRTH_BYTES = 8 + 8 + 4


class SharingPolicy(msgspec.Struct, frozen=True):
    """What is kept and what is told; the defaults were tuned on simulated worlds."""

    window_days: float = 30.0
    young_days: float = 35.0
    recent_days: float = 14.0
    """Users that were at the target longer ago than this are not there together."""
    most_looked_at: int = 32
    """Recent users of a thing that are looked at."""
    least_evidence: float = 8.0
    """From which a transaction is told of; its finding then has a strength of one half."""


class SharedAttributes:
    """Detector of accounts that act together on a device or address; see ``graph.detectors.Detector``.

    ``capacity`` is how many node numbers there may be; of pairs there are as many as ``memory`` bytes allow, beyond
    which the one longest unseen goes before its time.
    """

    kind = FindingKind.SHARED_ATTRIBUTE

    def __init__(self, capacity: int, memory: int, policy: SharingPolicy | None = None) -> None:
        self.policy = policy or SharingPolicy()
        self.found = FoundRoom(1, self.policy.most_looked_at + 1)
        left = memory - capacity * (2 * BYTES_A_NODE + BIRTH_BYTES)
        self.most_pairs = max(left // (2 * BYTES_A_PAIR), FEWEST_PAIRS)
        self._spans = Spans(
            int(self.policy.window_days * DAY),
            int(self.policy.young_days * DAY),
            int(self.policy.recent_days * DAY),
            self.policy.most_looked_at,
        )
        self._things = pair_window(self.most_pairs, capacity)
        self._places = pair_window(self.most_pairs, capacity)
        self._shared = Shared(
            born=reserve(capacity, np.int64),
            birth_time=reserve(capacity, np.int64),
            birth_node=reserve(capacity, np.int32),
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

    def observe(self, rows: NDArray[np.void], row: int, found: FoundArrays) -> NDArray[np.float64]:
        """Take in events; returns the evidence of each transaction among them, as known before it."""
        told = np.zeros(len(rows), dtype=np.int64)
        number = observe_shared(
            rows, row, self._things, self._places, self._shared, self._spans, self.most_pairs,
            round(self.policy.least_evidence * ONE), found, told,
        )  # fmt: skip
        return told[:number] / ONE

    def forget(self, cutoff: int) -> None:
        """Let all pairs go that were last seen at or before ``cutoff``."""
        forget_shared(self._things, self._places, self._shared, cutoff)

    def memory(self, nodes: int) -> int:
        """Bytes written so far, where ``nodes`` numbers were given out."""
        windows = window_memory(self._things) + window_memory(self._places)
        births = min(int(self._shared.counts[BIRTHS_LAST]), len(self._shared.birth_time))
        return windows + nodes * (2 * BYTES_A_NODE + 8) + births * 12

    def blocks(self, nodes: int) -> dict[str, NDArray[Any]]:
        """What a snapshot keeps."""
        shared = self._shared
        return {
            **{f"things_{name}": array for name, array in window_arrays(self._things, nodes).items()},
            **{f"places_{name}": array for name, array in window_arrays(self._places, nodes).items()},
            "born": shared.born[:nodes],
            "birth_time": shared.birth_time[self._births()],
            "birth_node": shared.birth_node[self._births()],
            "counts": shared.counts,
        }

    def restore(self, blocks: Mapping[str, NDArray[Any]]) -> None:
        """Bring back what ``blocks`` told."""
        restore_window(self._things, part_of(blocks, "things_"))
        restore_window(self._places, part_of(blocks, "places_"))
        shared = self._shared
        shared.born[: len(blocks["born"])] = blocks["born"]
        shared.counts[:] = blocks["counts"]
        shared.birth_time[self._births()] = blocks["birth_time"]
        shared.birth_node[self._births()] = blocks["birth_node"]

    def _births(self) -> NDArray[np.int64]:
        """Places of the births that are remembered, oldest first."""
        counts = self._shared.counts
        return np.arange(counts[BIRTHS_FIRST], counts[BIRTHS_LAST]) % len(self._shared.birth_time)


@cache
def logarithms() -> NDArray[np.int64]:
    """Natural logarithms of 0 (as of 1), 1, 2, … in units of 2⁻¹⁶."""
    numbers = np.arange(COUNTED)
    numbers[0] = 1
    units: NDArray[np.int64] = np.rint(np.log(numbers) * ONE).astype(np.int64)
    return units
