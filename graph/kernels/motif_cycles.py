"""Temporal cycles through one transfer: money that comes back to where it started, each payment after the one before.

The search for one closing transfer follows 2SCENT (Kumar and Calders, "2SCENT: an efficient algorithm for enumerating
all simple temporal cycles", VLDB 2018) in its two halves, source detection backward and enumeration forward, both
bounded here: backward from the payer, the latest departure is found from which it can still be reached in a number of
payments; forward from the payee, only paths that keep such a departure are followed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.kernels.motif_edges import CLOCK, LATENESS, RING, TAIL, WINDOW, newest
from graph.kernels.motif_fans import is_before
from graph.motif_layout import LONGEST_CYCLE

HOPS = LONGEST_CYCLE - 1
"""Payments of a cycle beside the one that closes it, at most."""

PLACES = 1024
MOST_REACHED = 512
"""Accounts that the backward half remembers."""

BACK_BUDGET = 512
BUDGET = 4096
LATE_BUDGET = 64
"""Transfers that the halves look at, at most, and those that a late transfer is followed along."""

MOST_CYCLES = 16
"""Cycles told of one transfer; the search ends with the last of them."""

SHORTEST = 3
ROUNDING = 1e-9
NEVER = -(1 << 62)

REACHED = np.dtype(
    [("departure", np.int64, (LONGEST_CYCLE,)), ("party", np.int32), ("place", np.int32)], align=True
)
"""Latest departures from an account that still reach the payer, by the most payments that it takes; place 0 unused."""


@kernel
def find_cycles(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    serial: int,
    kept: float,
    budget: int,
    reached: Any,
    table: Any,
    paths: Any,
    lengths: Any,
) -> tuple[int, bool]:
    """Cycles of 3 to 8 transfers that the transfer ``serial`` completes; it must be the latest to have arrived.

    ``kept``: least share of the amount that each account passes on, never more than it got; 0 lets amounts be. Into
    ``paths`` [n, 8] go the serials of each cycle in order of time, into ``lengths`` [n] how many they are. Returns how
    many cycles were found, at most n, and whether the search was cut off. Where the transfer arrived late, cycles that
    a later one had closed but for it are found too.
    """
    edge = transfers[serial & (census[RING] - 1)]
    if edge.source == edge.target:
        return 0, False
    goes_on = newest(parties, census, edge.target, 0) >= 0
    if not goes_on or (edge.time == census[CLOCK] and newest(parties, census, edge.source, 1) < 0):
        return 0, False  # nothing to follow: no room is made
    suffix = np.empty(LONGEST_CYCLE, dtype=np.int64)
    suffix[0] = serial
    found, cut = _search(
        transfers, parties, census, spans, suffix, 1, kept, budget, reached, table, paths, lengths, 0
    )
    if edge.time < census[CLOCK]:
        found, again = _search_late(
            transfers, parties, census, spans, suffix, kept, budget, reached, table, paths, lengths, found
        )
        cut = cut or again
    return found, cut


@kernel
def _search_late(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    suffix: Any,
    kept: float,
    budget: int,
    reached: Any,
    table: Any,
    paths: Any,
    lengths: Any,
    found: int,
) -> tuple[int, bool]:
    """Walk the transfers that go on from a late one, and look for a way back from where each of these walks ends."""
    mask = census[RING] - 1
    upcoming = np.empty(LONGEST_CYCLE, dtype=np.int64)
    depth = 1
    upcoming[1] = newest(parties, census, transfers[suffix[0] & mask].target, 0)
    visits = 0
    while depth >= 1:
        serial = upcoming[depth]
        before = transfers[suffix[depth - 1] & mask]
        if serial < census[TAIL] or transfers[serial & mask].time < before.time - spans[LATENESS]:
            depth -= 1
            continue
        visits += 1
        if visits > LATE_BUDGET:
            return found, True
        edge = transfers[serial & mask]
        upcoming[depth] = serial - edge.back_out if edge.back_out > 0 else -1
        if not is_before(before.time, suffix[depth - 1], edge.time, serial):
            continue
        if not _is_passed_on(before.amount, edge.amount, kept):
            continue
        suffix[depth] = serial
        if edge.target == transfers[suffix[0] & mask].source:
            if depth >= 2 and edge.time - transfers[suffix[0] & mask].time < spans[WINDOW]:
                found = _record(paths, lengths, found, suffix, 0, suffix, depth + 1)
            continue
        if depth == HOPS or _is_on_path(transfers, mask, suffix, depth, edge.target):
            continue
        depth += 1
        found, cut = _search(
            transfers,
            parties,
            census,
            spans,
            suffix,
            depth,
            kept,
            budget,
            reached,
            table,
            paths,
            lengths,
            found,
        )
        if cut or found == len(paths):
            return found, True
        upcoming[depth] = newest(parties, census, edge.target, 0)
    return found, False


@kernel
def _is_on_path(transfers: Any, mask: int, suffix: Any, length: int, party: int) -> bool:
    for i in range(length):
        if transfers[suffix[i] & mask].source == party or transfers[suffix[i] & mask].target == party:
            return True
    return False


@kernel
def _is_passed_on(got: float, paid: float, kept: float) -> bool:
    if kept == 0.0:
        return True
    return paid <= got * (1.0 + ROUNDING) and paid >= kept * got * (1.0 - ROUNDING)


@kernel
def _search(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    suffix: Any,
    joined: int,
    kept: float,
    budget: int,
    reached: Any,
    table: Any,
    paths: Any,
    lengths: Any,
    found: int,
) -> tuple[int, bool]:
    """Paths from where the ``joined`` transfers in ``suffix`` end to where they begin, all before the first of them."""
    mask = census[RING] - 1
    goal = np.int64(transfers[suffix[0] & mask].source)
    start = np.int64(transfers[suffix[joined - 1] & mask].target)
    since = transfers[suffix[joined - 1] & mask].time - spans[WINDOW]
    hops = LONGEST_CYCLE - joined
    if newest(parties, census, start, 0) < 0 or newest(parties, census, goal, 1) < 0:
        return found, False
    held, levels = _reach_back(
        transfers, parties, census, spans, suffix, joined, goal, start, since, hops, kept, reached, table
    )
    cut = False
    if levels < hops or _departure(reached, table, start, hops) > since:
        found, cut = _enumerate(
            transfers, parties, census, spans, suffix, joined, goal, start, since, hops, levels, kept, budget,
            reached, table, paths, lengths, found,
        )  # fmt: skip
    for i in range(held):
        table[reached[i].place] = 0
    return found, cut


@kernel
def _reach_back(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    suffix: Any,
    joined: int,
    goal: int,
    start: int,
    since: int,
    hops: int,
    kept: float,
    reached: Any,
    table: Any,
) -> tuple[int, int]:
    """From whom, and how late, the goal can be reached by 1, 2, … payments before the first of ``suffix``.

    Returns the accounts held in ``reached`` and the number of payments up to which they are all there.
    """
    mask = census[RING] - 1
    first = transfers[suffix[0] & mask]
    most = np.inf if kept == 0.0 else first.amount * (1.0 + ROUNDING)
    least = 0.0 if kept == 0.0 else first.amount * (1.0 - ROUNDING)
    held = 0
    visits = 0
    for level in range(1, hops + 1):
        most = most / kept if kept > 0.0 else most
        grew = False
        for i in range(-1 if level == 1 else 0, 0 if level == 1 else held):
            party = goal if i < 0 else np.int64(reached[i].party)
            until = first.time if i < 0 else reached[i].departure[level - 1]
            if i >= 0 and (until <= since or party == start or until == reached[i].departure[level - 2]):
                continue  # nothing new at the level before
            serial = newest(parties, census, party, 1)
            while serial >= census[TAIL]:
                edge = transfers[serial & mask]
                if edge.time <= since - spans[LATENESS]:
                    break
                visits += 1
                if visits > BACK_BUDGET or held == MOST_REACHED:
                    return held, level - 1
                if (
                    edge.time > since
                    and edge.time <= until
                    and edge.amount >= least
                    and edge.amount <= most
                    and edge.source != goal
                    and (
                        edge.source == start or not _is_on_path(transfers, mask, suffix, joined, edge.source)
                    )
                ):
                    held, later = _reach(reached, table, held, edge.source, level, edge.time)
                    grew = grew or later
                if edge.back_in == 0:
                    break
                serial -= edge.back_in
        if not grew:
            return held, hops
    return held, hops


@kernel
def _reach(reached: Any, table: Any, held: int, party: int, level: int, time: int) -> tuple[int, bool]:
    place = _place(reached, table, party)
    if table[place] == 0:
        table[place] = held + 1
        reached[held].party = party
        reached[held].place = place
        for k in range(LONGEST_CYCLE):
            reached[held].departure[k] = time if k >= level else NEVER
        return held + 1, True
    departure = reached[table[place] - 1].departure
    later = time > departure[level]
    for k in range(level, LONGEST_CYCLE):
        departure[k] = max(departure[k], time)
    return held, later


@kernel
def _place(reached: Any, table: Any, party: int) -> int:
    place = (party * 0x9E3779B1 >> 8) & (PLACES - 1)
    while table[place] != 0 and reached[table[place] - 1].party != party:
        place = (place + 1) & (PLACES - 1)
    return place


@kernel
def _departure(reached: Any, table: Any, party: int, hops: int) -> int:
    at = table[_place(reached, table, party)]
    return reached[at - 1].departure[hops] if at > 0 else NEVER


@kernel
def _enumerate(
    transfers: Any,
    parties: Any,
    census: Any,
    spans: Any,
    suffix: Any,
    joined: int,
    goal: int,
    start: int,
    since: int,
    hops: int,
    levels: int,
    kept: float,
    budget: int,
    reached: Any,
    table: Any,
    paths: Any,
    lengths: Any,
    found: int,
) -> tuple[int, bool]:
    """Depth first from ``start`` to ``goal``, each transfer after the one before it."""
    mask = census[RING] - 1
    end = transfers[suffix[0] & mask]
    path = np.empty(LONGEST_CYCLE, dtype=np.int64)
    upcoming = np.empty(LONGEST_CYCLE, dtype=np.int64)
    upcoming[0] = newest(parties, census, start, 0)
    depth = 0
    visits = 0
    while depth >= 0:
        serial = upcoming[depth]
        after = since if depth == 0 else transfers[path[depth - 1] & mask].time
        if serial < census[TAIL] or transfers[serial & mask].time < after - spans[LATENESS]:
            depth -= 1
            continue
        visits += 1
        if visits > budget:
            return found, True
        edge = transfers[serial & mask]
        upcoming[depth] = serial - edge.back_out if edge.back_out > 0 else -1
        if edge.time <= since or not is_before(edge.time, serial, end.time, suffix[0]):
            continue
        if depth > 0:
            last = transfers[path[depth - 1] & mask]
            if not is_before(last.time, path[depth - 1], edge.time, serial):
                continue
            if not _is_passed_on(last.amount, edge.amount, kept):
                continue
        if edge.target == goal:
            if depth + 1 + joined >= SHORTEST and _is_passed_on(edge.amount, end.amount, kept):
                path[depth] = serial
                found = _record(paths, lengths, found, path, depth + 1, suffix, joined)
                if found == len(paths):
                    return found, True
            continue
        left = hops - depth - 1
        if left == 0 or (left <= levels and _departure(reached, table, edge.target, left) < edge.time):
            continue
        if kept > 0.0 and edge.amount < end.amount * (1.0 - ROUNDING):
            continue
        if _is_on_path(transfers, mask, suffix, joined, edge.target):
            continue
        if _is_on_path(transfers, mask, path, depth, edge.target):
            continue
        path[depth] = serial
        depth += 1
        upcoming[depth] = newest(parties, census, edge.target, 0)
    return found, False


@kernel
def _record(paths: Any, lengths: Any, found: int, path: Any, length: int, suffix: Any, joined: int) -> int:
    for i in range(length):
        paths[found, i] = path[i]
    for i in range(joined):
        paths[found, length + i] = suffix[i]
    lengths[found] = length + joined
    return found + 1
