"""Messages between the ends of a transaction, and each node's most recent slots."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import copy_bytes
from graph.kernels.labels import label_risk
from graph.layout import DAY, HOUR, MERCHANT
from graph.observation import FANOUT, MESSAGE_LIMIT, MESSAGE_SCALE, MESSAGE_WIDTH

STATE_WIDTH = 10
"""The first entries of a message speak of the sender; the rest of the transaction."""

RISK_STRETCH = 8.0

MESSAGE_BYTES = 2 * MESSAGE_WIDTH

CLOSE = 2e-12
"""Relative error that a logarithm of 1 + x may have, many times over: where the next steps of a rounding could go
either way within it, ``log1p`` decides. So results are those of ``log1p``, which takes three times as long."""

COUNTED = 1024
LOG_COUNTS = np.array([round(math.log1p(count) * MESSAGE_SCALE) for count in range(COUNTED)], dtype=np.int16)
"""Logarithms of 1 + the smaller counts, in fixed point."""

# Loops over the numbers of a message count in unsigned integers: for signed ones numba tests for indices that count
# from the end, which keeps LLVM from taking several numbers at a time.


@kernel
def quantise(value: float) -> int:
    """To 16-bit fixed point, clipped so that sums over a full fan-out stay exact."""
    value = min(max(value, -MESSAGE_LIMIT), MESSAGE_LIMIT)
    return np.int16(np.rint(value * MESSAGE_SCALE))


@kernel
def log_units(x: float) -> int:
    """``log1p`` of x ≥ 0 in fixed point."""
    value = math.log(1.0 + x)
    low = quantise(value * (1.0 - CLOSE))
    return low if low == quantise(value * (1.0 + CLOSE)) else quantise(math.log1p(x))


@kernel
def log_count(count: int) -> int:
    """``log1p`` of a count in fixed point."""
    return LOG_COUNTS[count] if count < COUNTED else quantise(math.log1p(count))


@kernel
def log_single(x: float) -> Any:
    """``log1p`` of x ≥ 0 in single precision."""
    value = math.log(1.0 + x)
    low = np.float32(value * (1.0 - CLOSE))
    return low if low == np.float32(value * (1.0 + CLOSE)) else np.float32(math.log1p(x))


@kernel
def write_state(node: Any, time: int, window: Any, row: Any) -> None:
    """The sender's part of a message: its state before ``time``; ``window`` are its window features by then."""
    count_30d, sum_30d = np.float64(window[15]), np.float64(window[16])
    row[0] = log_count(np.int64(window[0]))
    row[1] = log_count(np.int64(window[5]))
    row[2] = log_count(np.int64(window[15]))
    row[3] = log_units(sum_30d / count_30d) if count_30d > 0 else 0
    row[4] = log_count(max(node.degree[0], 0))
    if node.count > 0:
        row[5] = log_units(max(time - node.last_seen, 0) / HOUR)
        row[6] = log_units(max(time - node.first_seen, 0) / DAY)
    else:
        row[5] = quantise(MESSAGE_LIMIT)
        row[6] = 0
    row[7] = quantise(RISK_STRETCH * label_risk(node))
    row[8] = log_count(node.frauds)
    row[9] = quantise(1.0 if node.kind == MERCHANT else 0.0)


@kernel
def write_transaction(
    time: int, log_amount: float, log_ratio: float, is_new: bool, device_accounts: int, row: Any
) -> None:
    """The transaction's part of a message."""
    angle = 2.0 * math.pi * ((time % DAY) / DAY)
    row[10] = quantise(log_amount)
    row[11] = quantise(log_ratio)
    row[12] = quantise(1.0 if is_new else 0.0)
    row[13] = log_count(device_accounts)
    row[14] = quantise(math.sin(angle))
    row[15] = quantise(math.cos(angle))


@kernel
def slot_at(node: Any, position: int) -> int:
    """Place of the ``position``-th oldest slot."""
    return (np.int64(node.slot_next) - np.int64(node.slot_count) + position + 2 * FANOUT) % FANOUT


@kernel
def sum_messages(node: Any, out: Any) -> int:
    """Exact sum of the messages that a node holds; returns how many."""
    held = np.int64(node.slot_count)
    messages = node.slot_message
    for d in range(np.uint64(MESSAGE_WIDTH)):
        out[d] = 0
    for k in range(np.uint64(held)):
        for d in range(np.uint64(MESSAGE_WIDTH)):
            out[d] += messages[k, d]
    return held


@kernel
def push_slot(
    node: Any, other: int, time: int, serial: int, message: Any, hop2: Any, hop2_count: int
) -> None:
    """Remember one transaction, forgetting the oldest when full."""
    at = np.int64(node.slot_next)
    node.slot_other[at] = other
    node.slot_seconds[at] = min(max(time // 1_000_000, 0), 4_294_967_295)
    node.slot_serial[at] = serial
    node.slot_hop2_count[at] = hop2_count
    copy_bytes(node.slot_message, MESSAGE_BYTES * at, message, 0, MESSAGE_BYTES)
    copy_bytes(node.slot_hop2, MESSAGE_BYTES * at, hop2, 0, MESSAGE_BYTES)
    node.slot_next = (at + 1) % FANOUT
    node.slot_count = min(np.int64(node.slot_count) + 1, FANOUT)


@kernel
def read_ages(node: Any, time: int, age: Any, serial: Any) -> int:
    """Age (log1p hours) and serial of a node's slots, oldest first; returns how many."""
    held = np.int64(node.slot_count)
    now = time // 1_000_000
    at = slot_at(node, 0)
    for position in range(held):
        seconds = max(now - np.int64(node.slot_seconds[at]), 0)
        age[position] = log_single(seconds / 3600.0)
        serial[position] = node.slot_serial[at]
        at = (at + 1) % FANOUT
    return held


@kernel
def copy_messages(node: Any, messages: Any, hop2: Any, hop2_count: Any) -> None:
    """Copy what a node's slots hold, oldest first."""
    at = slot_at(node, 0)
    for position in range(node.slot_count):
        hop2_count[position] = node.slot_hop2_count[at]
        copy_bytes(messages, MESSAGE_BYTES * position, node.slot_message, MESSAGE_BYTES * at, MESSAGE_BYTES)
        copy_bytes(hop2, MESSAGE_BYTES * position, node.slot_hop2, MESSAGE_BYTES * at, MESSAGE_BYTES)
        at = (at + 1) % FANOUT


@kernel
def clear_ages(held: int, age: Any, serial: Any) -> None:
    """Mark the slots from ``held`` on as empty."""
    for k in range(held, FANOUT):
        age[k] = 0.0
        serial[k] = -1


@kernel
def clear_messages(held: int, messages: Any, hop2: Any, hop2_count: Any) -> None:
    """Zeros for the slots from ``held`` on."""
    for k in range(np.uint64(held), np.uint64(FANOUT)):
        hop2_count[k] = 0
        for d in range(np.uint64(MESSAGE_WIDTH)):
            messages[k, d] = 0
            hop2[k, d] = 0
