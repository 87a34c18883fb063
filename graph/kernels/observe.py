"""The loop over a micro-batch: describe each transaction from the state before it, then insert it.

Rows are handled one after the other whatever the size of the batch, so a batch of n gives bit for bit what n
batches of one give.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow, prefetch
from graph.kernels.describe import (
    ROLE_WIDTH,
    TABULAR_WIDTH,
    typical_amount,
    write_flow,
    write_habit,
    write_link,
    write_pair,
    write_places,
    write_ratios,
    write_role,
    write_tabular,
    write_target_mix,
)
from graph.kernels.labels import EXPLAINED, label_add, to_seconds
from graph.kernels.messages import (
    STATE_WIDTH,
    clear_ages,
    clear_messages,
    copy_messages,
    push_slot,
    read_ages,
    sum_messages,
    write_state,
    write_transaction,
)
from graph.kernels.motif_borrow import borrow_found, borrow_motifs, borrow_scratch
from graph.kernels.motif_cycles import MOST_CYCLES
from graph.kernels.motif_features import MOTIF_WIDTH, write_motifs
from graph.kernels.motif_scratch import make_scratch
from graph.kernels.pairs import pair_add, pair_find, pair_prefetch
from graph.kernels.ring_scores import mark_add, write_ring_scores
from graph.kernels.takeover import learn_takeover, write_takeover
from graph.kernels.windows import buckets_at, window_add
from graph.layout import DAY, LABEL, NODE, RING_MARK
from graph.motif_layout import PARTY
from graph.observation import MESSAGE_WIDTH

CAP = 2.2
"""Amounts above this multiple of the payer's typical amount are capped before they move it."""

SURPRISE_FLOOR = 1.8
UNUSUAL = 2.6
"""Multiples of the typical amount: from the first an amount adds pressure, from the second it counts as unusual."""

UNUSUAL_GAP = 14 * 86_400
"""Seconds without unusual amounts that end a bout of them."""

YOUNG = 30 * DAY

SCRATCH_BYTES = 212 + 4 * MESSAGE_WIDTH
"""Four buckets of the event's time, what is left of the decayed figures of its ends and pair, one window's figures, and
the sums of the messages that both ends hold."""

NODE_BYTES, PARTY_BYTES = NODE.itemsize, PARTY.itemsize
LINE = 64
"""Bytes of a cache line."""


@kernel
def observe_rows(
    events: Any,
    row: int,
    nodes: Any,
    pairs: Any,
    segments: Any,
    counters: Any,
    population: Any,
    features: Any,
    ends: Any,
    self_message: Any,
    slot_message: Any,
    slot_hop2: Any,
    slot_hop2_count: Any,
    slot_age: Any,
    slot_count: Any,
    slot_serial: Any,
    names: Any,
    motifs: Any,
    found: Any,
    keep: bool,
) -> int:
    """Walk the events in order; the n-th transaction fills row ``row`` + n of the outputs. Returns the next row.

    ``counters``: [transactions so far, pairs held]; ``population``: [transactions, mean capped amount]. The slot
    arrays may have zero rows: then only ages and serials, the compact form for training, are written. ``motifs``
    and ``found`` as in ``graph.motif_layout``. Without ``keep`` no transaction is inserted; what its motifs leave
    behind is then for ``graph.kernels.preview`` to take back.
    """
    events, nodes, pairs, segments = borrow(events), borrow(nodes), borrow(pairs), borrow(segments)
    counters, population = borrow(counters), borrow(population)
    features, self_message = borrow(features), borrow(self_message)
    slot_message, slot_hop2, slot_hop2_count = (
        borrow(slot_message),
        borrow(slot_hop2),
        borrow(slot_hop2_count),
    )
    slot_age, slot_serial = borrow(slot_age), borrow(slot_serial)
    names = borrow(names)
    motifs, found = borrow_motifs(motifs), borrow_found(found)
    scratch_owner = make_scratch(MOST_CYCLES)
    scratch_motifs = borrow_scratch(scratch_owner)
    owner = np.zeros(SCRATCH_BYTES, dtype=np.uint8)
    space = borrow(owner)
    now = space[:32].view(np.int64)
    left = space[32:192].view(np.float64).reshape(5, 4)
    window = space[192:212].view(np.float32)
    scratch = space[212:SCRATCH_BYTES].view(np.int16).reshape(2, MESSAGE_WIDTH)
    dense = len(slot_message) > 0
    first_motif = features.shape[1] - MOTIF_WIDTH
    for i in range(-2, len(events)):
        if i + 2 < len(events):
            _fetch_ends(events[i + 2], nodes, pairs, segments)
        if i + 1 >= 0 and i + 1 < len(events):
            _fetch_neighbours(events[i + 1], nodes, motifs.parties)
        if i < 0:
            continue
        event = events[i]
        if event.kind == LABEL:
            _reveal(event, nodes, population)
            continue
        if event.kind == RING_MARK:
            mark_add(nodes, event)
            continue
        buckets_at(event.time, now)
        log_amount = math.log1p(event.amount)
        places = _places(pairs, segments, event)
        _describe(event, log_amount, nodes, pairs, population[1], places, now, left, window, features[row])
        write_motifs(
            event, nodes, names, motifs, scratch_motifs, found, row, keep, features[row, first_motif:]
        )
        _gather(event, log_amount, nodes, pairs, places[0], features[row], self_message[row])
        for role in range(4):
            ends[row, role] = event.ends[role]
            held = 0
            if event.ends[role] >= 0:
                node = nodes[event.ends[role]]
                held = read_ages(node, event.time, slot_age[row, role], slot_serial[row, role])
                if dense:
                    copy_messages(
                        node, slot_message[row, role], slot_hop2[row, role], slot_hop2_count[row, role]
                    )
            slot_count[row, role] = held
            clear_ages(held, slot_age[row, role], slot_serial[row, role])
            if dense:
                clear_messages(
                    held, slot_message[row, role], slot_hop2[row, role], slot_hop2_count[row, role]
                )
        if keep:
            _insert(
                event,
                log_amount,
                nodes,
                pairs,
                segments,
                counters,
                population,
                now,
                left,
                self_message[row],
                scratch,
            )
        row += 1
    owner[0] = scratch_owner.members[0] = 0  # named last, and so alive until here
    return row


@kernel
def _fetch_ends(event: Any, nodes: Any, pairs: Any, segments: Any) -> None:
    """Have the records of a coming event fetched."""
    for role in range(4):
        if event.ends[role] >= 0:
            for offset in range(0, NODE_BYTES, LINE):
                prefetch(nodes, event.ends[role], offset)
            if role > 0:
                pair_prefetch(pairs, segments, event.ends[0], event.ends[role])


@kernel
def _fetch_neighbours(event: Any, nodes: Any, parties: Any) -> None:
    """Have fetched what tells the label risk of a coming event's neighbours, and what its ends were part of."""
    for role in range(2):
        if event.ends[role] >= 0 and nodes[event.ends[role]].party > 0:
            for offset in range(0, PARTY_BYTES, LINE):
                prefetch(parties, nodes[event.ends[role]].party - 1, offset)
    for role in range(4):
        if event.ends[role] >= 0:
            node = nodes[event.ends[role]]
            for k in range(node.slot_count):
                prefetch(nodes, node.slot_other[k], 0)


@kernel
def _places(pairs: Any, segments: Any, event: Any) -> tuple[int, int, int]:
    account = event.ends[0]
    at_target = pair_find(pairs, segments, account, event.ends[1])
    at_device = pair_find(pairs, segments, account, event.ends[2]) if event.ends[2] >= 0 else -1
    at_ip = pair_find(pairs, segments, account, event.ends[3]) if event.ends[3] >= 0 else -1
    return at_target, at_device, at_ip


@kernel
def _describe(
    event: Any,
    log_amount: float,
    nodes: Any,
    pairs: Any,
    population: float,
    places: tuple[int, int, int],
    now: Any,
    left: Any,
    window: Any,
    out: Any,
) -> None:
    j = write_tabular(event, log_amount, out)
    for role in range(4):
        j = write_role(nodes, event.ends[role], event.time, now, left[role], out, j)
    account = nodes[event.ends[0]]
    prior = population if population > 0.0 else np.nan
    typical = typical_amount(account, prior)
    j = write_habit(
        account, event.time, typical, out[TABULAR_WIDTH + 13], out[TABULAR_WIDTH + 18], left[0], out, j
    )
    inflow = write_takeover(account, event.amount, event.time, prior, out, j)
    j = write_flow(nodes, event.ends[0], event.time, now, window, out, inflow)
    out[j] = out[TABULAR_WIDTH + 6] / (out[inflow + 1] + 1.0)
    j = write_flow(nodes, event.ends[1], event.time, now, window, out, j + 1)
    j = write_target_mix(nodes, event, out, j)
    j = write_ratios(
        nodes, event, log_amount, typical, prior, TABULAR_WIDTH, TABULAR_WIDTH + ROLE_WIDTH, out, j
    )
    j = write_pair(pairs, places[0], event, left[4], out, j)
    j = write_link(pairs, places[1], event.time, out, j)
    j = write_link(pairs, places[2], event.time, out, j)
    j = write_places(nodes, event, out, j)
    write_ring_scores(nodes, event, out, j)


@kernel
def _gather(
    event: Any, log_amount: float, nodes: Any, pairs: Any, at_target: int, features: Any, messages: Any
) -> None:
    """Write the message that each end leaves with this transaction."""
    account = nodes[event.ends[0]]
    log_ratio = log_amount - account.log_mean if account.count > 0 else 0.0
    is_new = pairs[at_target].left == 0
    device_accounts = max(nodes[event.ends[2]].degree[0], 0) if event.ends[2] >= 0 else 0
    write_transaction(event.time, log_amount, log_ratio, is_new, device_accounts, messages[0])
    for role in range(4):
        if event.ends[role] >= 0:
            window = features[TABULAR_WIDTH + role * ROLE_WIDTH :]
            write_state(nodes[event.ends[role]], event.time, window, messages[role])
            for d in range(np.uint64(STATE_WIDTH), np.uint64(MESSAGE_WIDTH)):
                messages[role, d] = messages[0, d]
        else:
            for d in range(np.uint64(MESSAGE_WIDTH)):
                messages[role, d] = 0


@kernel
def _insert(
    event: Any,
    log_amount: float,
    nodes: Any,
    pairs: Any,
    segments: Any,
    counters: Any,
    population: Any,
    now: Any,
    left: Any,
    messages: Any,
    scratch: Any,
) -> None:
    number = event.ends[0]
    account = nodes[number]
    serial = 2 * counters[0]
    counters[0] += 1
    is_young = account.count == 0 or event.time - account.first_seen < YOUNG
    from_account = sum_messages(account, scratch[0])
    from_target = sum_messages(nodes[event.ends[1]], scratch[1])
    new_target = _touch_pairs(event, nodes, pairs, segments, counters, left[4])
    is_shared = event.ends[2] >= 0 and nodes[event.ends[2]].degree[0] > 1
    unusual = _learn_habit(account, event, population)
    for role in range(4):
        if event.ends[role] >= 0:
            node = nodes[event.ends[role]]
            other = nodes[event.ends[1]].hash if role == 0 else account.hash
            _touch_node(
                node, event, log_amount, now, left[role], serial, other, new_target, is_shared, is_young
            )
    _note_unusual(account, event.time, unusual)
    push_slot(account, event.ends[1], event.time, serial + 1, messages[1], scratch[1], from_target)
    for role in range(1, 4):
        if event.ends[role] >= 0:
            push_slot(
                nodes[event.ends[role]], number, event.time, serial, messages[0], scratch[0], from_account
            )


@kernel
def _touch_pairs(event: Any, nodes: Any, pairs: Any, segments: Any, counters: Any, left: Any) -> bool:
    """Count the transaction for its three pairs; returns whether account and target are new to each other.

    Only these two keep decayed figures, of which ``left`` is what is left.
    """
    number = event.ends[0]
    is_new_target = False
    for relation in range(3):
        if event.ends[relation + 1] < 0:
            continue
        other = event.ends[relation + 1]
        place = pair_find(pairs, segments, number, other)
        if pairs[place].left == 0:
            place = pair_add(pairs, segments, place, number, other)
            counters[1] += 1
            nodes[number].degree[relation] += 1
            nodes[other].degree[0] += 1
            is_new_target = is_new_target or relation == 0
        pair = pairs[place]
        if relation == 0:
            for tier in range(4):
                pair.decay[tier] = pair.decay[tier] * left[tier] + 1.0
        pair.last = max(pair.last, event.time)
        pair.count += 1
        pair.sum += np.float32(event.amount)
    return is_new_target


@kernel
def _learn_habit(account: Any, event: Any, population: Any) -> float:
    """Move the typical amount of payer and population; returns the amount as a multiple of what was typical."""
    prior = population[1] if population[0] > 0 else event.amount
    typical = typical_amount(account, prior)
    learn_takeover(account, event.amount, event.time, prior)
    capped = min(event.amount, CAP * typical)
    account.capped_mean += np.float32((capped - account.capped_mean) / (account.count + 1.0))
    population[0] += 1.0
    population[1] += (capped - population[1]) / population[0]
    return event.amount / typical


@kernel
def _note_unusual(account: Any, time: int, multiple: float) -> None:
    surprise = np.float32(max(multiple - SURPRISE_FLOOR, 0.0))
    account.pressure[0] += surprise
    account.pressure[1] += surprise
    if multiple > UNUSUAL:
        now = to_seconds(time)
        if now - np.int64(account.unusual_last) > UNUSUAL_GAP:
            account.unusual_first = now
        account.unusual_last = max(now, np.int64(account.unusual_last))
        account.unusual_decay += np.float32(1.0)


@kernel
def _reveal(event: Any, nodes: Any, population: Any) -> None:
    """Take in one late label."""
    is_fraud = event.is_fraud == 1
    account = nodes[event.ends[0]]
    is_plain = is_fraud and event.amount <= EXPLAINED * typical_amount(account, population[1])
    if not is_fraud:
        account.legit_count += 1
        account.legit_sum += np.float32(event.amount)
    for role in range(4):
        if event.ends[role] >= 0:
            label_add(nodes[event.ends[role]], event.time, event.event_time, is_fraud, is_plain)


@kernel
def _touch_node(
    node: Any,
    event: Any,
    log_amount: float,
    now: Any,
    left: Any,
    serial: int,
    other_hash: int,
    new_pair: bool,
    is_shared: bool,
    is_young: bool,
) -> None:
    if node.count == 0:
        node.born = serial
        node.first_seen = event.time
    window_add(node, now, event.amount, other_hash)
    node.last_seen = max(node.last_seen, event.time) if node.count > 0 else event.time
    _fade_node(node, left)
    for tier in range(4):
        node.decay[tier] += np.float32(1.0)
    if new_pair:
        node.new_pair_decay[0] += np.float32(1.0)
        node.new_pair_decay[1] += np.float32(1.0)
    if is_shared:
        node.shared_decay += np.float32(1.0)
    if is_young:
        node.young_decay += np.float32(1.0)
    _learn_amount(node, log_amount)
    _learn_place(node, event)


@kernel
def _fade_node(node: Any, left: Any) -> None:
    for tier in range(4):
        node.decay[tier] *= left[tier]
    node.new_pair_decay[0] *= left[1]
    node.new_pair_decay[1] *= left[2]
    node.shared_decay *= left[2]
    node.young_decay *= left[2]
    node.pressure[0] *= left[2]
    node.pressure[1] *= left[3]
    node.unusual_decay *= left[2]


@kernel
def _learn_amount(node: Any, log_amount: float) -> None:
    node.count += 1
    delta = log_amount - node.log_mean
    node.log_mean += delta / node.count
    node.log_m2 += delta * (log_amount - node.log_mean)


@kernel
def _learn_place(node: Any, event: Any) -> None:
    if math.isnan(event.latitude):
        return
    node.located += 1
    node.latitude = event.latitude
    node.longitude = event.longitude
    node.located_at = to_seconds(event.time)
    node.mean_latitude += (event.latitude - node.mean_latitude) / np.float32(node.located)
    node.mean_longitude += (event.longitude - node.mean_longitude) / np.float32(node.located)
