"""All patterns through each edge of a stream of numbered vertices, counted; for work on data beside the score path."""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_borrow import borrow_motifs, borrow_scratch
from graph.kernels.motif_cycles import SHORTEST, find_cycles
from graph.kernels.motif_edges import LATE, RING, add_transfer, is_too_late
from graph.kernels.motif_fans import PAYEE_IN, PAYER_IN, PAYER_OUT, collect
from graph.kernels.motif_gathers import gather_scatter, scatter_gather
from graph.motif_layout import LONGEST_CYCLE, Census

TRUNCATED = int(Census.TRUNCATED)
LENGTHS = LONGEST_CYCLE - SHORTEST + 1
WIDTH = 4 + LENGTHS


@kernel
def count_patterns(
    source: Any,
    target: Any,
    time: Any,
    amount: Any,
    vertices: int,
    kept: float,
    budget: int,
    motifs: Any,
    scratch: Any,
    seen: Any,
    out: Any,
) -> bool:
    """Insert edges one by one; row i of ``out`` [n, WIDTH] tells of edge i, itself included, NaN where it is too late.

    Fan-in of the target, fan-out of the source, cycles that it closes by length, the width of the widest
    scatter–gather it is a second leg of and of the widest gather–scatter at its source. Cycles over the same vertices
    in the same order count once. ``seen`` [most cycles] is scratch. Returns whether all vertices are below
    ``vertices``; else nothing was inserted.
    """
    motifs, scratch = borrow_motifs(motifs), borrow_scratch(scratch)
    for i in range(len(source)):
        if min(source[i], target[i]) < 0 or max(source[i], target[i]) >= vertices:
            return False
    for i in range(len(source)):
        if source[i] == target[i] or is_too_late(time[i], motifs.census, motifs.spans):
            motifs.census[LATE] += 1
            for j in range(WIDTH):
                out[i, j] = np.nan
            continue
        serial = add_transfer(
            motifs.transfers,
            motifs.parties,
            motifs.census,
            motifs.spans,
            source[i],
            target[i],
            time[i],
            amount[i],
        )
        _count(motifs, scratch, serial, kept, budget, seen, out[i])
    return True


@kernel
def _count(motifs: Any, scratch: Any, serial: int, kept: float, budget: int, seen: Any, out: Any) -> None:
    edge = motifs.transfers[serial & (motifs.census[RING] - 1)]
    payers = _collect(motifs, scratch, edge.target, 1, edge.time, PAYEE_IN)
    payees = _collect(motifs, scratch, edge.source, 0, edge.time, PAYER_OUT)
    got = _collect(motifs, scratch, edge.source, 1, edge.time, PAYER_IN)
    out[0] = payers
    out[1] = payees
    _count_cycles(motifs, scratch, serial, kept, budget, seen, out[2:])
    out[2 + LENGTHS] = 0.0
    out[3 + LENGTHS] = 0.0
    near = scratch.near
    if got > 0 and payers > 1:
        width, _ = scatter_gather(
            motifs.transfers, motifs.parties, motifs.census, motifs.spans, serial, edge.time, near[PAYER_IN],
            scratch.near_table[PAYER_IN], got, near[PAYEE_IN], payers, scratch.widths, scratch.marks,
        )  # fmt: skip
        out[2 + LENGTHS] = width
    if got > 0:
        out[3 + LENGTHS] = gather_scatter(near[PAYER_IN], got, near[PAYER_OUT], payees, scratch.times)[0]


@kernel
def _collect(motifs: Any, scratch: Any, party: int, side: int, now: int, which: int) -> int:
    held, _ = collect(
        motifs.transfers, motifs.parties, motifs.census, motifs.spans, party, side, now,
        scratch.near[which], scratch.near_table[which],
    )  # fmt: skip
    return held


@kernel
def _count_cycles(
    motifs: Any, scratch: Any, serial: int, kept: float, budget: int, seen: Any, out: Any
) -> None:
    for j in range(LENGTHS):
        out[j] = 0.0
    found, cut = find_cycles(
        motifs.transfers, motifs.parties, motifs.census, motifs.spans, serial, kept, budget,
        scratch.reached, scratch.reached_table, scratch.paths, scratch.lengths,
    )  # fmt: skip
    if cut:
        motifs.census[TRUNCATED] += 1
    mask = motifs.census[RING] - 1
    for i in range(found):
        length = scratch.lengths[i]
        if scratch.paths[i, length - 1] != serial:
            continue
        seen[i] = np.uint64(length)
        for k in range(length):
            party = np.uint64(motifs.transfers[scratch.paths[i, k] & mask].source)
            seen[i] = (seen[i] ^ party) * np.uint64(0x9E3779B97F4A7C15)
            seen[i] ^= seen[i] >> np.uint64(29)
        is_new = True
        for earlier in range(i):
            if seen[earlier] == seen[i]:
                is_new = False
                break
        if is_new:
            out[length - SHORTEST] += 1.0
