"""Recent transfers in one ring, each linked to the transfers before it of both its accounts.

A transfer has a serial, in order of arrival, and lies at its serial modulo the length of the ring. Nothing is ever
unlinked: a link that leads behind the tail of the ring leads nowhere. So a transfer is inserted and expires in
constant time whatever the degrees of its ends.

Transfers may arrive out of order, up to the allowed lateness; one in a list of an account is then at most that much
older than those which arrived before it, and a walk back in time may stop once it meets one older than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fraud.compiled import kernel
from graph.motif_layout import Census, Span

HEAD, TAIL, RING, CLOCK = int(Census.HEAD), int(Census.TAIL), int(Census.RING), int(Census.CLOCK)
PARTIES, FREE, LATE, DROPPED = int(Census.PARTIES), int(Census.FREE), int(Census.LATE), int(Census.DROPPED)
WINDOW, LATENESS = int(Span.WINDOW), int(Span.LATENESS)

FURTHEST = 4_294_967_295
"""Serials that a link can lead back."""


@kernel
def is_too_late(time: int, census: Any, spans: Any) -> bool:
    """Whether a transfer of this time has missed the windows."""
    return census[HEAD] > 0 and time < census[CLOCK] - spans[LATENESS]


@kernel
def add_transfer(
    transfers: Any, parties: Any, census: Any, spans: Any, source: int, target: int, time: int, amount: float
) -> int:
    """Insert a transfer that is not too late; what has left the window makes room. Returns its serial."""
    census[CLOCK] = max(census[CLOCK], time) if census[HEAD] > 0 else time
    _expire(transfers, census, spans)
    serial = census[HEAD]
    place = serial & (census[RING] - 1)
    transfers[place].time = time
    transfers[place].amount = amount
    transfers[place].source = source
    transfers[place].target = target
    transfers[place].hops = 0
    transfers[place].back_out = _back(serial, parties[source].newest_out)
    transfers[place].back_in = _back(serial, parties[target].newest_in)
    parties[source].newest_out = serial + 1
    parties[target].newest_in = serial + 1
    census[HEAD] = serial + 1
    return serial


@kernel
def _back(serial: int, newest: int) -> int:
    if newest == 0 or serial + 1 - newest > FURTHEST:
        return 0
    return serial + 1 - newest


@kernel
def _expire(transfers: Any, census: Any, spans: Any) -> None:
    """Let go of what no coming event may see, and have room for one more."""
    oldest = census[CLOCK] - spans[WINDOW] - spans[LATENESS]
    while census[TAIL] < census[HEAD] and transfers[census[TAIL] & (census[RING] - 1)].time <= oldest:
        census[TAIL] += 1
    if census[HEAD] - census[TAIL] < census[RING]:
        return
    if 2 * census[RING] > len(transfers):
        census[TAIL] += 1
        census[DROPPED] += 1
        return
    for serial in range(census[TAIL], census[HEAD]):
        if serial & census[RING]:
            transfers[serial & (2 * census[RING] - 1)] = transfers[serial & (census[RING] - 1)]
    census[RING] *= 2


@kernel
def newest(parties: Any, census: Any, party: int, side: int) -> int:
    """Serial of the latest transfer to have arrived out of (``side`` 0) or into (1) an account; −1 for none."""
    last = parties[party].newest_out - 1 if side == 0 else parties[party].newest_in - 1
    return last if last >= census[TAIL] else -1


@kernel
def party_of_node(nodes: Any, parties: Any, free: Any, census: Any, names: Any, number: int) -> int:
    """The party that a node is a side of, made where it has none; −1 where there is no more room."""
    party = known_party(nodes, parties, number)
    if party >= 0:
        return party
    party = _next_party(parties, free, census)
    if party < 0:
        return -1
    one = parties[party]
    for w in range(4):
        one.name[w] = names[number, w]
    one.newest_out = 0
    one.newest_in = 0
    one.cycles = 0.0
    one.cycle_time = 0
    one.gathers = 0.0
    one.gather_time = 0
    one.nodes = 1
    nodes[number].party = party + 1
    return party


@kernel
def known_party(nodes: Any, parties: Any, number: int) -> int:
    """The party that a node is a side of, or −1."""
    node = nodes[number]
    if node.party == 0 and node.twin > 0 and nodes[node.twin - 1].party > 0:
        node.party = nodes[node.twin - 1].party
        parties[node.party - 1].nodes += 1
    return np.int64(node.party) - 1


@kernel
def _next_party(parties: Any, free: Any, census: Any) -> int:
    if census[FREE] > 0 and not _is_pinned(parties, census, free[census[FREE] - 1]):
        census[FREE] -= 1
        return np.int64(free[census[FREE]])
    if census[PARTIES] == len(parties):
        return -1
    census[PARTIES] += 1
    return census[PARTIES] - 1


@kernel
def _is_pinned(parties: Any, census: Any, party: int) -> bool:
    """Whether transfers of a forgotten account are still held, so that its number must not be given again."""
    return newest(parties, census, party, 0) >= 0 or newest(parties, census, party, 1) >= 0


@kernel
def release_nodes(nodes: Any, parties: Any, free: Any, census: Any, evicted: Any) -> None:
    """Take nodes that are about to be forgotten from their parties; a party without sides gives its number back."""
    for i in range(len(evicted)):
        twin = np.int64(nodes[evicted[i]].twin) - 1
        if nodes[evicted[i]].party > 0 and twin >= 0:
            known_party(nodes, parties, twin)
    for i in range(len(evicted)):
        party = np.int64(nodes[evicted[i]].party) - 1
        if party < 0:
            continue
        nodes[evicted[i]].party = 0
        parties[party].nodes -= 1
        if parties[party].nodes == 0:
            free[census[FREE]] = party
            census[FREE] += 1
    _pinned_first(parties, free, census)


@kernel
def _pinned_first(parties: Any, free: Any, census: Any) -> None:
    """Numbers that can be given at once come last in the list, and so are given first."""
    ready = np.empty(census[FREE], dtype=np.int32)
    pinned = 0
    loose = 0
    for i in range(census[FREE]):
        if _is_pinned(parties, census, free[i]):
            free[pinned] = free[i]
            pinned += 1
        else:
            ready[loose] = free[i]
            loose += 1
    for i in range(loose):
        free[pinned + i] = ready[i]
