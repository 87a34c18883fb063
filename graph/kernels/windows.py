"""Bucketed sliding windows and exponentially decayed counters of one node."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.layout import BUCKET_WIDTH, BUCKETS, HALF_LIVES, OFFSET

LN2 = math.log(2.0)
WIDTH_1H, WIDTH_1D, WIDTH_7D, WIDTH_30D = BUCKET_WIDTH.tolist()
SIZE_1H, SIZE_1D, SIZE_7D, SIZE_30D = BUCKETS.tolist()
OFFSET_1H, OFFSET_1D, OFFSET_7D, OFFSET_30D = OFFSET.tolist()

LINEAR_COUNT = np.array([32.0 * math.log(32.0 / max(zeros, 0.5)) for zeros in range(33)], dtype=np.float32)
"""Linear counting (Whang et al. 1990): distinct values by the number of zero bits of a 32-bit map."""


@kernel
def popcount(bits: int) -> int:
    """Set bits of an unsigned number; LLVM makes one instruction of it."""
    v = np.uint64(bits)
    v = v - ((v >> np.uint64(1)) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((v * np.uint64(0x0101010101010101)) >> np.uint64(56))


@kernel
def bucket_of(time: int, tier: int) -> int:
    """Number of the bucket of a window that holds ``time``; divisions by constants cost a multiplication."""
    if tier == 0:
        return time // WIDTH_1H
    if tier == 1:
        return time // WIDTH_1D
    if tier == 2:
        return time // WIDTH_7D
    return time // WIDTH_30D


@kernel
def place_of(bucket: int, tier: int) -> int:
    """Where a bucket lies among those of its window; here too constants save divisions."""
    if tier == 0:
        return OFFSET_1H + bucket % SIZE_1H
    if tier == 1:
        return OFFSET_1D + bucket % SIZE_1D
    if tier == 2:
        return OFFSET_7D + bucket % SIZE_7D
    return OFFSET_30D + bucket % SIZE_30D


@kernel
def buckets_at(time: int, now: Any) -> None:
    """Number of the bucket that holds ``time``, for each window, into ``now`` [4]."""
    for tier in range(4):
        now[tier] = bucket_of(time, tier)


@kernel
def window_add(node: Any, now: Any, amount: float, other_hash: int) -> None:
    """Count one transaction in the buckets ``now`` [4] of the windows, before it counts for ``last_seen``.

    One older than a whole window leaves that window alone.
    """
    bit = np.uint32(1) << np.uint32(other_hash & 31)
    for tier in range(4):
        size = BUCKETS[tier]
        bucket = now[tier]
        epoch = bucket_of(node.last_seen, tier)
        if bucket > epoch:
            for fresh in range(max(epoch + 1, bucket - size + 1), bucket + 1):
                at = place_of(fresh, tier)
                node.bucket_count[at] = 0
                node.bucket_sum[at] = 0.0
                node.bucket_max[at] = 0.0
                node.bucket_bits[at] = 0
        elif bucket <= epoch - size:
            continue
        at = place_of(bucket, tier)
        node.bucket_count[at] += 1
        node.bucket_sum[at] += np.float32(amount)
        node.bucket_max[at] = max(node.bucket_max[at], np.float32(amount))
        node.bucket_bits[at] |= bit


@kernel
def window_write(node: Any, tier: int, now: int, out: Any, j: int) -> int:
    """Count, sum, mean, maximum and estimated distinct others of one window up to bucket ``now``.

    Returns the next column.
    """
    size = BUCKETS[tier]
    epoch = bucket_of(node.last_seen, tier)
    first = max(now, epoch) - size + 1
    start, end = OFFSET[tier], OFFSET[tier] + size
    at = place_of(first, tier)
    count = np.int64(0)
    total = np.float32(0.0)
    largest = np.float32(0.0)
    bits = np.uint32(0)
    for _ in range(first, min(now, epoch) + 1):
        count += node.bucket_count[at]
        total += node.bucket_sum[at]
        largest = max(largest, node.bucket_max[at])
        bits |= node.bucket_bits[at]
        at = at + 1 if at + 1 < end else start
    out[j] = count
    out[j + 1] = total
    out[j + 2] = total / count if count > 0 else np.nan
    out[j + 3] = largest
    out[j + 4] = LINEAR_COUNT[32 - popcount(bits)]
    return j + 5


@kernel
def fade(half_life: float, elapsed: int) -> float:
    """What is left of a decayed quantity after ``elapsed`` microseconds; never above 1 for late events."""
    if elapsed <= 0:
        return 1.0
    return math.exp(-LN2 * elapsed / half_life)


@kernel
def fades(elapsed: int, out: Any) -> None:
    """``fade`` for the four half-lives of the layout."""
    for tier in range(4):
        out[tier] = fade(HALF_LIVES[tier], elapsed)
