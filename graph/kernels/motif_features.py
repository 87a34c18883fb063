"""What the motifs through a transaction add to its row, in the order of ``graph.features.MOTIF_NAMES``.

A transfer is put into the ring of transfers first, so all counts include it; nothing later is seen, and what its
patterns leave with the accounts in them is counted from the next transaction on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_cycles import BUDGET, find_cycles
from graph.kernels.motif_edges import (
    CLOCK,
    DROPPED,
    LATE,
    LATENESS,
    RING,
    TAIL,
    WINDOW,
    add_transfer,
    is_too_late,
    known_party,
    newest,
    party_of_node,
)
from graph.kernels.motif_fans import (
    PAYEE_IN,
    PAYEE_OUT,
    PAYER_IN,
    PAYER_OUT,
    REACH,
    collect,
    fan_since,
)
from graph.kernels.motif_found import write_found
from graph.kernels.motif_gathers import LEAST_WIDTH, gather_scatter, scatter_gather
from graph.kernels.windows import fade
from graph.layout import DAY, HALF_LIVES, HOUR
from graph.motif_layout import Census, Span

MOTIF_WIDTH = 28
EDGE_WIDTH = 20
"""Columns of the transfer itself come first; those of what its ends were part of before follow, four an end."""

SHORT = int(Span.SHORT)
TRUNCATED = int(Census.TRUNCATED)
MEMORY = HALF_LIVES[3]
"""Half-life of the counts of patterns that an account was part of."""

KEPT = 0.8
"""Least share of what it got that an account passes on, for the money to be the same money."""

ROUNDING = 1e-9


@kernel
def write_motifs(
    event: Any, nodes: Any, names: Any, motifs: Any, scratch: Any, found: Any, row: int, keep: bool, out: Any
) -> None:
    """Take in one transaction and fill its motif columns ``out`` [MOTIF_WIDTH]; tell of its patterns in ``found``.

    Where it is not to be kept, its patterns leave nothing with the accounts in them, and ``graph.kernels.preview``
    takes the transfer itself back.
    """
    for j in range(MOTIF_WIDTH):
        out[j] = np.nan
    if len(found.spans) > 0:
        found.spans[row, 0] = found.counts[0]
    parties = motifs.parties
    payer = known_party(nodes, parties, event.ends[0])
    payee = known_party(nodes, parties, event.ends[1]) if event.is_transfer == 1 else -1
    if payer >= 0:
        _write_past(parties[payer], event.time, out, EDGE_WIDTH)
    if payee >= 0:
        _write_past(parties[payee], event.time, out, EDGE_WIDTH + 4)
    if event.is_transfer == 1:
        _take_in(event, nodes, names, motifs, scratch, found, keep, out)
    if len(found.spans) > 0:
        found.spans[row, 1] = found.counts[0]


@kernel
def _write_past(party: Any, time: int, out: Any, j: int) -> None:
    out[j] = 0.0
    if party.cycle_time > 0:
        out[j] = party.cycles * fade(MEMORY, time - party.cycle_time)
        out[j + 1] = max(time - party.cycle_time, 0) / DAY
    out[j + 2] = 0.0
    if party.gather_time > 0:
        out[j + 2] = party.gathers * fade(MEMORY, time - party.gather_time)
        out[j + 3] = max(time - party.gather_time, 0) / DAY


@kernel
def _take_in(
    event: Any, nodes: Any, names: Any, motifs: Any, scratch: Any, found: Any, keep: bool, out: Any
) -> None:
    census = motifs.census
    if event.ends[0] == nodes[event.ends[1]].twin - 1:
        return
    if is_too_late(event.time, census, motifs.spans):
        census[LATE] += 1
        return
    payer = party_of_node(nodes, motifs.parties, motifs.free, census, names, event.ends[0])
    payee = party_of_node(nodes, motifs.parties, motifs.free, census, names, event.ends[1])
    if payer < 0 or payee < 0:
        census[DROPPED] += 1
        return
    serial = add_transfer(
        motifs.transfers, motifs.parties, census, motifs.spans, payer, payee, event.time, event.amount
    )
    held = _look_around(motifs, scratch, payer, payee, event.time, out)
    _write_passing(motifs, serial, payer, out)
    cycles = _write_cycles(motifs, scratch, serial, out)
    width, best = _gathered(motifs, scratch, serial, event.time, held)
    across, parted = _handed_out(scratch, held)
    out[17] = width
    out[18] = (event.time - scratch.near[PAYER_IN, best].first) / HOUR if best >= 0 else np.nan
    out[19] = across
    if len(found.spans) > 0 and event.time < census[CLOCK]:
        # A late transfer: what it completes is told as of now.
        held = _look_around(motifs, scratch, payer, payee, census[CLOCK], out[:0])
        width, best = _gathered(motifs, scratch, serial, census[CLOCK], held)
        across, parted = _handed_out(scratch, held)
    if len(found.spans) > 0:
        write_found(motifs, scratch, found, serial, cycles, held, width, best, across, parted)
    if keep:
        _remember(motifs, scratch, serial, cycles, width, best)


@kernel
def _look_around(
    motifs: Any, scratch: Any, payer: int, payee: int, now: int, out: Any
) -> tuple[int, int, int, int]:
    """Counterparties of both ends up to ``now``, and their columns unless ``out`` is empty; returns how many."""
    out_of, sent = _collect(motifs, scratch, payer, 0, now, PAYER_OUT)
    into, got = _collect(motifs, scratch, payer, 1, now, PAYER_IN)
    into_payee, payee_got = _collect(motifs, scratch, payee, 1, now, PAYEE_IN)
    out_of_payee, payee_sent = _collect(motifs, scratch, payee, 0, now, PAYEE_OUT)
    if len(out) > 0:
        since = now - motifs.spans[SHORT]
        near = scratch.near
        out[0] = fan_since(near[PAYER_OUT], out_of, since)
        out[1] = out_of
        out[2] = fan_since(near[PAYER_IN], into, since)
        out[3] = into
        out[4] = fan_since(near[PAYEE_IN], into_payee, since)
        out[5] = into_payee
        out[6] = fan_since(near[PAYEE_OUT], out_of_payee, since)
        out[7] = out_of_payee
        out[8] = sent / got if got > 0.0 else np.nan
        out[9] = payee_sent / payee_got if payee_got > 0.0 else np.nan
    return out_of, into, into_payee, out_of_payee


@kernel
def _collect(motifs: Any, scratch: Any, party: int, side: int, now: int, which: int) -> tuple[int, float]:
    return collect(
        motifs.transfers, motifs.parties, motifs.census, motifs.spans, party, side, now,
        scratch.near[which], scratch.near_table[which],
    )  # fmt: skip


@kernel
def _write_passing(motifs: Any, serial: int, payer: int, out: Any) -> None:
    """The receipt that the amount comes closest to using up: what share of it, how long ago, passed on how often."""
    transfers, census, spans = motifs.transfers, motifs.census, motifs.spans
    mask = census[RING] - 1
    edge = transfers[serial & mask]
    best = np.int64(-1)
    at = newest(motifs.parties, census, payer, 1)
    for _ in range(REACH):
        if at < census[TAIL]:
            break
        receipt = transfers[at & mask]
        if receipt.time <= edge.time - spans[WINDOW] - spans[LATENESS]:
            break
        in_window = receipt.time > edge.time - spans[WINDOW] and receipt.time <= edge.time
        covers = in_window and receipt.amount >= edge.amount * (1.0 - ROUNDING)
        if covers and (best < 0 or receipt.amount < transfers[best & mask].amount):
            best = at
        if receipt.back_in == 0:
            break
        at -= receipt.back_in
    if best < 0:
        out[12] = 0.0
        return
    receipt = transfers[best & mask]
    share = edge.amount / receipt.amount
    if share >= KEPT:
        edge.hops = receipt.hops + 1
    out[10] = share
    out[11] = (edge.time - receipt.time) / HOUR
    out[12] = edge.hops


@kernel
def _write_cycles(motifs: Any, scratch: Any, serial: int, out: Any) -> int:
    """Cycles through the transfer; the columns tell of those that it is the last transfer of."""
    transfers, census = motifs.transfers, motifs.census
    cycles, cut = find_cycles(
        transfers, motifs.parties, census, motifs.spans, serial, KEPT, BUDGET,
        scratch.reached, scratch.reached_table, scratch.paths, scratch.lengths,
    )  # fmt: skip
    if cut:
        census[TRUNCATED] += 1
    mask = census[RING] - 1
    closed = 0
    for i in range(cycles):
        length = scratch.lengths[i]
        if scratch.paths[i, length - 1] != serial:
            continue
        first, last = transfers[scratch.paths[i, 0] & mask], transfers[serial & mask]
        hours = (last.time - first.time) / HOUR
        kept = last.amount / first.amount
        out[14] = min(out[14], length) if closed > 0 else length
        out[15] = min(out[15], np.float32(hours)) if closed > 0 else hours
        out[16] = max(out[16], np.float32(kept)) if closed > 0 else kept
        closed += 1
    out[13] = closed
    return cycles


@kernel
def _gathered(
    motifs: Any, scratch: Any, serial: int, now: int, held: tuple[int, int, int, int]
) -> tuple[int, int]:
    if held[PAYER_IN] == 0 or held[PAYEE_IN] < 2:
        return 0, -1
    return scatter_gather(
        motifs.transfers, motifs.parties, motifs.census, motifs.spans, serial, now,
        scratch.near[PAYER_IN], scratch.near_table[PAYER_IN], held[PAYER_IN],
        scratch.near[PAYEE_IN], held[PAYEE_IN], scratch.widths, scratch.marks,
    )  # fmt: skip


@kernel
def _handed_out(scratch: Any, held: tuple[int, int, int, int]) -> tuple[int, int]:
    if held[PAYER_IN] == 0:
        return 0, 0
    return gather_scatter(
        scratch.near[PAYER_IN], held[PAYER_IN], scratch.near[PAYER_OUT], held[PAYER_OUT], scratch.times
    )


@kernel
def _remember(motifs: Any, scratch: Any, serial: int, cycles: int, width: int, best: int) -> None:
    """Count the patterns for the accounts in them, once a transfer each."""
    transfers, parties = motifs.transfers, motifs.parties
    mask = motifs.census[RING] - 1
    edge = transfers[serial & mask]
    members = scratch.members
    held = 0
    for i in range(cycles):
        for k in range(scratch.lengths[i]):
            held = _add_member(members, held, transfers[scratch.paths[i, k] & mask].source)
    for i in range(held):
        party = parties[members[i]]
        party.cycles = party.cycles * fade(MEMORY, edge.time - party.cycle_time) + 1.0
        party.cycle_time = max(party.cycle_time, edge.time)
    if width >= LEAST_WIDTH:
        _count_gather(parties[edge.source], edge.time)
        _count_gather(parties[edge.target], edge.time)
        _count_gather(parties[scratch.near[PAYER_IN, best].party], edge.time)


@kernel
def _add_member(members: Any, held: int, party: int) -> int:
    for i in range(held):
        if members[i] == party:
            return held
    members[held] = party
    return held + 1


@kernel
def _count_gather(party: Any, time: int) -> None:
    party.gathers = party.gathers * fade(MEMORY, time - party.gather_time) + 1.0
    party.gather_time = max(party.gather_time, time)
