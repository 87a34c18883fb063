"""The loop over a micro-batch: describe each transaction from the state before it, then insert it.

Rows are handled one after the other whatever the size of the batch, so a batch of n gives bit for bit what n
batches of one give.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.describe import (
    is_transfer,
    spread,
    write_flow,
    write_link,
    write_pair,
    write_places,
    write_ratios,
    write_role,
    write_tabular,
    write_target_mix,
)
from graph.kernels.labels import label_add
from graph.kernels.messages import (
    copy_messages,
    push_slot,
    read_ages,
    sum_messages,
    write_state,
    write_transaction,
)
from graph.kernels.pairs import pair_find
from graph.kernels.windows import fade, fades, window_add
from graph.layout import DAY, HALF_LIVES
from graph.observation import MESSAGE_WIDTH

TABULAR_WIDTH = 13
ROLE_WIDTH = 47
SURPRISE_FLOOR = 1.5
"""Standard deviations above the account's own mean from which an amount counts as unusual."""

YOUNG = 30 * DAY


@kernel
def observe_rows(
    events: Any,
    nodes: Any,
    pairs: Any,
    counters: Any,
    features: Any,
    self_message: Any,
    slot_message: Any,
    slot_hop2: Any,
    slot_hop2_count: Any,
    slot_age: Any,
    slot_count: Any,
    slot_serial: Any,
) -> None:
    """Walk the events in order; the n-th transaction fills row n of the outputs.

    ``counters``: [events so far, pairs held]. The slot arrays may have zero rows: then only ages and serials, the
    compact form for training, are written.
    """
    scratch = np.zeros((2, MESSAGE_WIDTH), dtype=np.int16)
    dense = len(slot_message) > 0
    row = 0
    for i in range(len(events)):
        event = events[i]
        if event.kind == 1:
            for role in range(4):
                if event.ends[role] >= 0:
                    label_add(nodes[event.ends[role]], event.time, event.event_time, event.is_fraud == 1)
            continue
        at_target, at_device, at_ip = _places(pairs, event)
        _describe(event, nodes, pairs, at_target, at_device, at_ip, features[row])
        _gather(event, nodes, pairs, at_target, self_message[row])
        for role in range(4):
            slot_count[row, role] = 0
            if event.ends[role] >= 0:
                node = nodes[event.ends[role]]
                slot_count[row, role] = read_ages(node, event.time, slot_age[row, role], slot_serial[row, role])
                if dense:
                    copy_messages(
                        node, slot_message[row, role], slot_hop2[row, role], slot_hop2_count[row, role]
                    )
        _insert(event, nodes, pairs, counters, self_message[row], scratch)
        row += 1


@kernel
def _places(pairs: Any, event: Any) -> tuple[int, int, int]:
    account = event.ends[0]
    at_target = pair_find(pairs, account, event.ends[1])
    at_device = pair_find(pairs, account, event.ends[2]) if event.ends[2] >= 0 else -1
    at_ip = pair_find(pairs, account, event.ends[3]) if event.ends[3] >= 0 else -1
    return at_target, at_device, at_ip


@kernel
def _describe(
    event: Any, nodes: Any, pairs: Any, at_target: int, at_device: int, at_ip: int, out: Any
) -> None:
    j = write_tabular(event, is_transfer(nodes, event), out)
    for role in range(4):
        j = write_role(nodes, event.ends[role], event.time, out, j)
    account = nodes[event.ends[0]]
    elapsed = event.time - account.last_seen
    out[j] = account.degree[1]
    out[j + 1] = account.degree[2]
    out[j + 2] = account.pressure[0] * fade(HALF_LIVES[2], elapsed)
    out[j + 3] = account.pressure[1] * fade(HALF_LIVES[3], elapsed)
    inflow = j + 4
    j = write_flow(nodes, event.ends[0], event.time, out, inflow)
    out[j] = out[TABULAR_WIDTH + 6] / (out[inflow + 1] + 1.0)
    j = write_flow(nodes, event.ends[1], event.time, out, j + 1)
    j = write_target_mix(nodes, event, out, j)
    j = write_ratios(nodes, event, TABULAR_WIDTH, TABULAR_WIDTH + ROLE_WIDTH, out, j)
    j = write_pair(pairs, at_target, event, out, j)
    j = write_link(pairs, at_device, event.time, out, j)
    j = write_link(pairs, at_ip, event.time, out, j)
    write_places(nodes, event, out, j)


@kernel
def _gather(event: Any, nodes: Any, pairs: Any, at_target: int, messages: Any) -> None:
    """Write the message that each end leaves with this transaction."""
    account = nodes[event.ends[0]]
    log_amount = math.log1p(event.amount)
    log_ratio = log_amount - account.log_mean if account.count > 0 else 0.0
    is_new = pairs[at_target].left == 0
    device_accounts = max(nodes[event.ends[2]].degree[0], 0) if event.ends[2] >= 0 else 0
    for role in range(4):
        if event.ends[role] >= 0:
            write_state(nodes[event.ends[role]], event.time, messages[role])
            write_transaction(event.time, log_amount, log_ratio, is_new, device_accounts, messages[role])
        else:
            for d in range(MESSAGE_WIDTH):
                messages[role, d] = 0


@kernel
def _insert(
    event: Any, nodes: Any, pairs: Any, counters: Any, messages: Any, scratch: Any
) -> None:
    number = event.ends[0]
    account = nodes[number]
    serial = 2 * counters[0]
    counters[0] += 1
    is_young = account.count == 0 or event.time - account.first_seen < YOUNG
    from_account = sum_messages(account, scratch[0])
    from_target = sum_messages(nodes[event.ends[1]], scratch[1])
    new_target = _touch_pairs(event, nodes, pairs, counters)
    is_shared = event.ends[2] >= 0 and nodes[event.ends[2]].degree[0] > 1
    for role in range(4):
        if event.ends[role] >= 0:
            node = nodes[event.ends[role]]
            other = nodes[event.ends[1]].hash if role == 0 else account.hash
            _touch_node(node, event, other, new_target, is_shared, is_young, role == 0)
    push_slot(account, event.ends[1], event.time, serial + 1, messages[1], scratch[1], from_target)
    for role in range(1, 4):
        if event.ends[role] >= 0:
            push_slot(
                nodes[event.ends[role]], number, event.time, serial, messages[0], scratch[0], from_account
            )


@kernel
def _touch_pairs(event: Any, nodes: Any, pairs: Any, counters: Any) -> bool:
    """Count the transaction for its three pairs; returns whether account and target are new to each other."""
    number = event.ends[0]
    is_new_target = False
    for relation in range(3):
        if event.ends[relation + 1] < 0:
            continue
        pair = pairs[pair_find(pairs, number, event.ends[relation + 1])]
        if pair.left == 0:
            pair.left = number + 1
            pair.right = event.ends[relation + 1] + 1
            counters[1] += 1
            nodes[number].degree[relation] += 1
            nodes[event.ends[relation + 1]].degree[0] += 1
            is_new_target = is_new_target or relation == 0
        elapsed = event.time - pair.last if pair.count > 0 else 0
        for tier in range(4):
            pair.decay[tier] = pair.decay[tier] * fade(HALF_LIVES[tier], elapsed) + 1.0
        pair.last = max(pair.last, event.time)
        pair.count += 1
        pair.sum += np.float32(event.amount)
    return is_new_target


@kernel
def _touch_node(
    node: Any, event: Any, other_hash: int, new_pair: bool, is_shared: bool, is_young: bool, is_payer: bool
) -> None:
    log_amount = math.log1p(event.amount)
    surprise = 0.0
    if node.count > 0:
        surprise = max((log_amount - node.log_mean) / spread(node) - SURPRISE_FLOOR, 0.0)
    else:
        node.first_seen = event.time
        node.last_seen = event.time
        node.log_median = np.float32(log_amount)
    _fade_node(node, event.time - node.last_seen)
    for tier in range(4):
        node.decay[tier] += np.float32(1.0)
    if new_pair:
        node.new_pair_decay[0] += np.float32(1.0)
        node.new_pair_decay[1] += np.float32(1.0)
    if is_shared:
        node.shared_decay += np.float32(1.0)
    if is_young:
        node.young_decay += np.float32(1.0)
    if is_payer:
        node.pressure[0] += np.float32(surprise)
        node.pressure[1] += np.float32(surprise)
    node.last_seen = max(node.last_seen, event.time)
    _learn_amount(node, log_amount)
    _learn_place(node, event)
    window_add(node, event.time, event.amount, other_hash)


@kernel
def _fade_node(node: Any, elapsed: int) -> None:
    left = np.empty(4, dtype=np.float64)
    fades(elapsed, left)
    for tier in range(4):
        node.decay[tier] *= left[tier]
    node.new_pair_decay[0] *= left[1]
    node.new_pair_decay[1] *= left[2]
    node.shared_decay *= left[2]
    node.young_decay *= left[2]
    node.pressure[0] *= left[2]
    node.pressure[1] *= left[3]


@kernel
def _learn_amount(node: Any, log_amount: float) -> None:
    node.count += 1
    delta = log_amount - node.log_mean
    node.log_mean += delta / node.count
    node.log_m2 += delta * (log_amount - node.log_mean)
    step = max(0.02, 0.5 / node.count)
    if log_amount > node.log_median:
        node.log_median = np.float32(node.log_median + step)
    elif log_amount < node.log_median:
        node.log_median = np.float32(node.log_median - step)


@kernel
def _learn_place(node: Any, event: Any) -> None:
    if math.isnan(event.latitude):
        return
    node.located += 1
    node.latitude = event.latitude
    node.longitude = event.longitude
    node.mean_latitude += (event.latitude - node.mean_latitude) / np.float32(node.located)
    node.mean_longitude += (event.longitude - node.mean_longitude) / np.float32(node.located)
