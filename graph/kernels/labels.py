"""What late labels say of a node: counted from the moment they were reported, never earlier."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.windows import popcount
from graph.layout import LABEL_BUCKET_WIDTH, LABEL_BUCKETS, LABEL_OFFSET

LABEL_DAY = int(LABEL_BUCKET_WIDTH[0])
DAYS_A_BUCKET = int(LABEL_BUCKET_WIDTH[1]) // LABEL_DAY

EPISODE_GAP = 28 * 86_400
"""Seconds of event time from the first fraud of an episode after which another fraud opens a new one."""

EXPLAINED = 2.0
"""A fraud of more than this many times the payer's typical amount is explained by its amount, not by its target."""

PRIOR_FRAUDS = 0.05
PRIOR_KNOWN = 5.0


@kernel
def label_add(node: Any, known_at: int, event_time: int, is_fraud: bool, is_plain: bool) -> None:
    """Add one reported label to a node that took part in the transaction.

    ``is_plain``: a fraud that its amount does not explain, so that suspicion falls on who and where.
    """
    node.known += 1
    node.label_bits = (node.label_bits << np.uint32(1)) | np.uint32(1 if is_fraud else 0)
    node.plain_bits = (node.plain_bits << np.uint32(1)) | np.uint32(1 if is_plain else 0)
    node.label_bits_count = min(np.int64(node.label_bits_count) + 1, 32)
    happened = to_seconds(event_time)
    if is_fraud:
        node.frauds += 1
        node.last_fraud = max(np.int64(node.last_fraud), happened)
        if is_plain:
            _extend_run(node, happened)
    else:
        node.last_legit = max(np.int64(node.last_legit), happened)
        node.legit_since_fraud += 1
        node.run_length = 0
    _count_in_windows(node, known_at, is_fraud)


@kernel
def to_seconds(time: int) -> int:
    """Whole seconds since 1970, clipped to what 32 bits hold (until 2106)."""
    return min(max(time // 1_000_000, 0), 4_294_967_295)


@kernel
def _extend_run(node: Any, happened: int) -> None:
    if node.episode_start == 0 or happened - np.int64(node.episode_start) > EPISODE_GAP:
        node.episode_start = happened
    if node.run_length == 0:
        node.run_start = happened
        node.run_before = node.last_legit
    node.run_length += 1
    node.legit_since_fraud = 0


@kernel
def _count_in_windows(node: Any, known_at: int, is_fraud: bool) -> None:
    day, latest = known_at // LABEL_DAY, np.int64(node.label_day)
    node.label_day = max(day, latest)
    for tier in range(2):
        size = LABEL_BUCKETS[tier]
        bucket = day if tier == 0 else day // DAYS_A_BUCKET
        epoch = latest if tier == 0 else latest // DAYS_A_BUCKET
        if bucket > epoch:
            for fresh in range(max(epoch + 1, bucket - size + 1), bucket + 1):
                at = LABEL_OFFSET[tier] + fresh % size
                node.label_known[at] = 0
                node.label_fraud[at] = 0
        elif bucket <= epoch - size:
            continue
        at = LABEL_OFFSET[tier] + bucket % size
        node.label_known[at] = min(node.label_known[at] + 1, 65535)
        if is_fraud:
            node.label_fraud[at] = min(node.label_fraud[at] + 1, 65535)


@kernel
def label_read(node: Any, tier: int, now: int) -> tuple[int, int]:
    """Known labels and known frauds reported within one window up to bucket ``now``."""
    size = LABEL_BUCKETS[tier]
    epoch = np.int64(node.label_day) if tier == 0 else np.int64(node.label_day) // DAYS_A_BUCKET
    first = max(now, epoch) - size + 1
    start, end = LABEL_OFFSET[tier], LABEL_OFFSET[tier] + size
    at = start + first % size
    known = np.int64(0)
    frauds = np.int64(0)
    for _ in range(first, min(now, epoch) + 1):
        known += node.label_known[at]
        frauds += node.label_fraud[at]
        at = at + 1 if at + 1 < end else start
    return known, frauds


@kernel
def fraud_rate_last(node: Any, n: int) -> float:
    """Share of frauds among the last ``n`` (≤ 32) reported labels; NaN without labels."""
    held = min(np.int64(node.label_bits_count), n)
    if held == 0:
        return np.nan
    bits = np.uint64(node.label_bits) & ((np.uint64(1) << np.uint64(held)) - np.uint64(1))
    return popcount(bits) / held


@kernel
def plain_fraud_share(node: Any, n: int) -> float:
    """Plain frauds among the last ``n`` (≤ 32) labels, of ``n``: few labels count as little evidence."""
    bits = np.uint64(node.plain_bits) & ((np.uint64(1) << np.uint64(n)) - np.uint64(1))
    return popcount(bits) / n


@kernel
def label_risk(node: Any) -> float:
    """Fraud rate of the last 32 labels, shrunk towards 1 % by a prior of five labels."""
    held = node.label_bits_count
    frauds = popcount(node.label_bits)
    return (frauds + PRIOR_FRAUDS) / (held + PRIOR_KNOWN)
