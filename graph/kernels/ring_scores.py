"""What the ring desk says of an account, on the account's own records: written by marks, read by its payments.

A mark is written to both sides of the account as far as they are known. So where only one side has a mark, the other
came after it, or was forgotten since, and the one that is there speaks for both.
"""

from __future__ import annotations

from typing import Any

from fraud.compiled import kernel
from graph.layout import DAY, LAST_DAY, RING_LEVELS, RING_MARK_DAYS


@kernel
def mark_add(nodes: Any, event: Any) -> None:
    """Put the level of a mark, told as ``mcc``, in place of what the sides of its account said before."""
    for side in range(2):
        if event.ends[side] >= 0:
            node = nodes[event.ends[side]]
            node.ring_level = event.mcc
            node.ring_day = min(max(event.time // DAY, 1), LAST_DAY)


@kernel
def write_ring_scores(nodes: Any, event: Any, out: Any, j: int) -> int:
    """Score of the ring that payer and receiver belong to, 0 where there is none. Returns the next column."""
    out[j] = _ring_score(nodes, event.ends[0], event.time)
    out[j + 1] = _ring_score(nodes, event.ends[1], event.time)
    return j + 2


@kernel
def _ring_score(nodes: Any, number: int, time: int) -> float:
    at = number
    if nodes[at].ring_day == 0 and nodes[at].twin > 0:
        at = nodes[at].twin - 1
    day = int(nodes[at].ring_day)
    if day == 0 or time // DAY - day > RING_MARK_DAYS:
        return 0.0
    return nodes[at].ring_level / RING_LEVELS
