"""Tells of the patterns through one transfer: their kind and the transfers they are made of, newest kept."""

from __future__ import annotations

from typing import Any

from fraud.compiled import kernel
from graph.kernels.motif_edges import CLOCK, RING, WINDOW
from graph.kernels.motif_fans import PAYEE_IN, PAYER_IN, PAYER_OUT
from graph.kernels.motif_gathers import INTERMEDIARIES, LEAST_WIDTH, first_leg
from graph.motif_layout import (
    CYCLE,
    FAN_IN,
    FAN_OUT,
    GATHER_SCATTER,
    MOST_CYCLES_SHOWN,
    MOST_SHOWN,
    SCATTER_GATHER,
)

LEAST_FAN = 4
"""Distinct counterparties from which a fan is beyond the ordinary."""

HALF_STRONG = 8.0
"""Size at which a fan, scatter–gather or gather–scatter has a strength of one half."""


@kernel
def write_found(
    motifs: Any,
    scratch: Any,
    found: Any,
    serial: int,
    cycles: int,
    held: tuple[int, int, int, int],
    width: int,
    best: int,
    across: int,
    parted: int,
) -> None:
    """Append the patterns through the transfer ``serial`` to ``found``."""
    edge = motifs.transfers[serial & (motifs.census[RING] - 1)]
    for i in range(min(cycles, MOST_CYCLES_SHOWN)):
        _write_cycle(motifs, scratch, found, i)
    if held[PAYEE_IN] >= LEAST_FAN:
        _begin(found, FAN_IN, edge.target, held[PAYEE_IN])
        _write_latest(motifs, found, scratch.near[PAYEE_IN], held[PAYEE_IN])
    if held[PAYER_OUT] >= LEAST_FAN:
        _begin(found, FAN_OUT, edge.source, held[PAYER_OUT])
        _write_latest(motifs, found, scratch.near[PAYER_OUT], held[PAYER_OUT])
    if width >= LEAST_WIDTH:
        _begin(found, SCATTER_GATHER, edge.target, width)
        _write_legs(motifs, scratch, found, serial, held[PAYEE_IN], best)
    if across >= LEAST_WIDTH:
        _begin(found, GATHER_SCATTER, edge.source, across)
        _write_halves(motifs, scratch, found, held, parted)


@kernel
def _begin(found: Any, kind: int, centre: int, size: int) -> None:
    pattern = found.patterns[found.counts[0]]
    pattern.kind = kind
    pattern.centre = centre
    pattern.size = size
    pattern.edges = 0
    pattern.strength = size / (size + HALF_STRONG)
    found.counts[0] += 1


@kernel
def _add(motifs: Any, found: Any, serial: int) -> None:
    """Append one transfer to the pattern begun last."""
    transfer = motifs.transfers[serial & (motifs.census[RING] - 1)]
    edge = found.edges[found.counts[1]]
    edge.time = transfer.time
    edge.amount = transfer.amount
    edge.source = transfer.source
    edge.target = transfer.target
    found.patterns[found.counts[0] - 1].edges += 1
    found.counts[1] += 1


@kernel
def _write_cycle(motifs: Any, scratch: Any, found: Any, i: int) -> None:
    mask = motifs.census[RING] - 1
    length = scratch.lengths[i]
    first = motifs.transfers[scratch.paths[i, 0] & mask]
    last = motifs.transfers[scratch.paths[i, length - 1] & mask]
    _begin(found, CYCLE, -1, length)
    found.patterns[found.counts[0] - 1].strength = min(last.amount / first.amount, 1.0)
    for k in range(length):
        _add(motifs, found, scratch.paths[i, k])


@kernel
def _write_latest(motifs: Any, found: Any, near: Any, held: int) -> None:
    for i in range(min(held, MOST_SHOWN)):
        _add(motifs, found, near[i].last_serial)


@kernel
def _write_legs(motifs: Any, scratch: Any, found: Any, serial: int, held: int, best: int) -> None:
    edge = motifs.transfers[serial & (motifs.census[RING] - 1)]
    source = scratch.near[PAYER_IN, best]
    _add(motifs, found, source.first_serial)
    _add(motifs, found, serial)
    since = motifs.census[CLOCK] - motifs.spans[WINDOW]
    shown = 2
    looked_at = 0
    for k in range(held):
        one = scratch.near[PAYEE_IN, k]
        if one.party == edge.source or one.party == edge.target:
            continue
        if looked_at == INTERMEDIARIES or shown == MOST_SHOWN:
            break
        looked_at += 1
        if one.party == source.party:
            continue
        leg = first_leg(
            motifs.transfers, motifs.parties, motifs.census, motifs.spans, one, source.party, since
        )
        if leg >= 0:
            _add(motifs, found, leg)
            _add(motifs, found, one.last_serial)
            shown += 2


@kernel
def _write_halves(
    motifs: Any, scratch: Any, found: Any, held: tuple[int, int, int, int], parted: int
) -> None:
    shown = 0
    for i in range(held[PAYER_IN]):
        payer = scratch.near[PAYER_IN, i]
        if payer.first <= parted and shown < MOST_SHOWN // 2:
            _add(motifs, found, payer.first_serial)
            shown += 1
    shown = 0
    for i in range(held[PAYER_OUT]):
        payee = scratch.near[PAYER_OUT, i]
        if payee.last > parted and shown < MOST_SHOWN // 2:
            _add(motifs, found, payee.last_serial)
            shown += 1
