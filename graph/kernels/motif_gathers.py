"""Scatter–gather and gather–scatter through one transfer.

As in IBM's AMLworld (Altman et al., "Realistic Synthetic Financial Transactions for Anti-Money Laundering Models",
NeurIPS 2023): money leaves one account over several intermediaries and meets again at another; or it is gathered by
one account from several and then handed out to several.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_edges import LATENESS, RING, TAIL, WINDOW, newest
from graph.kernels.motif_fans import find_near, is_before

INTERMEDIARIES = 24
"""Other intermediaries that are looked at, at most, the latest to have paid the collector first."""

RECEIPTS = 16
"""Transfers into each of them that are looked at, at most."""

LEAST_WIDTH = 3
"""Intermediaries, or counterparties on either side, from which a pattern is beyond the ordinary."""


@kernel
def scatter_gather(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    serial: int,
    now: int,
    sources: Any,
    source_table: Any,
    held_sources: int,
    payers: Any,
    held_payers: int,
    widths: Any,
    marks: Any,
) -> tuple[int, int]:
    """The widest scatter–gather of which the transfer ``serial`` is a second leg, as of ``now``.

    ``sources`` are the accounts that paid its payer, ``payers`` those that paid its payee, as ``collect`` left them;
    ``widths`` and ``marks`` [REACH] are scratch. Returns the number of intermediaries, this payer included, and the
    index of the account that scattered; 0 and −1 where there is none.
    """
    mask = census[RING] - 1
    edge = transfers[serial & mask]
    since = now - spans[WINDOW]
    for i in range(held_sources):
        first = sources[i]
        counts = is_before(first.first, first.first_serial, edge.time, serial) and first.party != edge.target
        widths[i] = 1 if counts else 0
        marks[i] = 0
    looked_at = 0
    for k in range(held_payers):
        one = payers[k]
        if one.party == edge.source or one.party == edge.target:
            continue
        if looked_at == INTERMEDIARIES:
            break
        looked_at += 1
        _count_sources(
            transfers, parties, census, spans, one, since, sources, source_table, widths, marks, looked_at
        )
    best = -1
    for i in range(held_sources):
        if widths[i] >= 2 and (best < 0 or widths[i] > widths[best]):
            best = i
    return (np.int64(widths[best]), best) if best >= 0 else (0, -1)


@kernel
def _count_sources(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    one: Any,
    since: int,
    sources: Any,
    source_table: Any,
    widths: Any,
    marks: Any,
    turn: int,
) -> None:
    """Count an intermediary for each source that paid it before it paid the collector, once."""
    mask = census[RING] - 1
    serial = newest(parties, census, one.party, 1)
    for _ in range(RECEIPTS):
        if serial < census[TAIL]:
            break
        edge = transfers[serial & mask]
        if edge.time <= since - spans[LATENESS]:
            break
        if edge.time > since and is_before(edge.time, serial, one.last, one.last_serial):
            i = find_near(sources, source_table, edge.source)
            if i >= 0 and widths[i] > 0 and marks[i] != turn:
                marks[i] = turn
                widths[i] += 1
        if edge.back_in == 0:
            break
        serial -= edge.back_in


@kernel
def first_leg(
    transfers: Any, parties: Any, census: Any, spans: Any, one: Any, source: int, since: int
) -> int:
    """Serial of the latest transfer from ``source`` to an intermediary before it paid on; −1 for none in reach."""
    mask = census[RING] - 1
    serial = newest(parties, census, one.party, 1)
    for _ in range(RECEIPTS):
        if serial < census[TAIL]:
            break
        edge = transfers[serial & mask]
        if edge.time <= since - spans[LATENESS]:
            break
        paid_before = edge.time > since and is_before(edge.time, serial, one.last, one.last_serial)
        if edge.source == source and paid_before:
            return serial
        if edge.back_in == 0:
            break
        serial -= edge.back_in
    return -1


@kernel
def gather_scatter(
    payers: Any, held_payers: int, payees: Any, held_payees: int, times: Any
) -> tuple[int, int]:
    """The widest gather–scatter at one account: so many paid it first, and so many did it pay after.

    ``payers`` and ``payees`` as ``collect`` left them, ``times`` [2, REACH] is scratch. Returns the smaller of the two
    numbers where that is largest, and the time that parts them, the earliest such; 0, 0 where there is none.
    """
    for i in range(held_payers):
        times[0, i] = payers[i].first
    for i in range(held_payees):
        times[1, i] = payees[i].last
    firsts = np.sort(times[0, :held_payers])
    lasts = np.sort(times[1, :held_payees])
    width = 0
    parted = 0
    later = 0
    for i in range(held_payers):
        while later < held_payees and lasts[later] <= firsts[i]:
            later += 1
        if min(i + 1, held_payees - later) > width:
            width = min(i + 1, held_payees - later)
            parted = firsts[i]
    return width, parted
