"""What the accounts on one device or address have in common, told before each transaction is taken in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow
from graph.kernels.motif_borrow import borrow_found
from graph.kernels.pair_window import (
    CLOCK,
    HELD,
    LATE,
    borrowed_window,
    drop_due,
    drop_oldest,
    find_pair,
    touch_pair,
)
from graph.layout import TRANSACTION
from graph.motif_layout import SHARED_ATTRIBUTE

UNIT_BITS = 16
ACCOUNT, TARGET = 0, 1
THINGS = (2, 3)
"""Ends of a transaction that are shared: device and address."""

# Places in ``counts``.
ACCOUNTS, YOUNG, BIRTHS_FIRST, BIRTHS_LAST, SHARED_COUNTS = range(5)


class Shared(NamedTuple):
    """Who among the accounts is young: ``born`` [nodes] is the serial number of its birth + 1, 0 for none or grown."""

    born: Any
    birth_time: Any
    birth_node: Any
    counts: Any
    logarithm: Any


class Spans(NamedTuple):
    """Lengths of time, µs, and how many users of a thing are looked at."""

    window: int
    youth: int
    recent: int
    looked: int


@kernel
def borrowed_shared(s: Any) -> Any:
    """The same arrays without owners; see ``fraud.intrinsics.borrow``."""
    return Shared(
        borrow(s.born), borrow(s.birth_time), borrow(s.birth_node), borrow(s.counts), borrow(s.logarithm)
    )


@kernel
def observe_shared(
    events: Any,
    row: int,
    things: Any,
    places: Any,
    shared: Any,
    spans: Any,
    most_pairs: int,
    least: int,
    found: Any,
    told: Any,
) -> int:
    """Weigh each transaction by what was known before it, into ``told`` [n], then take it in; returns n.

    The n-th transaction fills row ``row`` + n of ``found``, which has no spans where nobody asks; only evidence of at
    least ``least`` is a finding.
    """
    events = borrow(events)
    u, v, s, f = (
        borrowed_window(things),
        borrowed_window(places),
        borrowed_shared(shared),
        borrow_found(found),
    )
    n = 0
    for i in range(len(events)):
        event = events[i]
        if event.kind != TRANSACTION:
            continue
        u.counts[CLOCK] = max(event.time, u.counts[CLOCK])
        now = u.counts[CLOCK]
        _expire(u, v, s, now - spans.window)
        _grow_up(s, now - spans.youth)
        evidence, thing = np.int64(0), np.int64(-1)
        for end in THINGS:
            if event.ends[end] >= 0:
                one = evidence_of(
                    u,
                    v,
                    s,
                    event.ends[ACCOUNT],
                    event.ends[TARGET],
                    event.ends[end],
                    now - spans.recent,
                    spans.looked,
                )
                if one > evidence:
                    evidence, thing = one, np.int64(event.ends[end])
        told[n] = evidence
        if len(f.spans) > 0:
            f.spans[row + n, 0] = f.counts[0]
            if evidence >= least and thing >= 0:
                _write_found(u, v, s, event, thing, now - spans.recent, spans.looked, evidence, least, f)
            f.spans[row + n, 1] = f.counts[0]
        n += 1
        if event.time <= now - spans.window:
            u.counts[LATE] += 1
            continue
        for end in THINGS:
            if event.ends[end] >= 0:
                if u.counts[HELD] == most_pairs:
                    _leave(u, s, drop_oldest(u))
                if u.degree[event.ends[ACCOUNT]] == 0:
                    _be_born(s, event.ends[ACCOUNT], now)
                touch_pair(u, event.ends[ACCOUNT], event.ends[end], event.time, event.amount)
        if v.counts[HELD] == most_pairs:
            drop_oldest(v)
        touch_pair(v, event.ends[ACCOUNT], event.ends[TARGET], event.time, event.amount)
    return n


@kernel
def forget_shared(things: Any, places: Any, shared: Any, cutoff: int) -> None:
    """Let all pairs go that were last seen at or before ``cutoff``."""
    _expire(borrowed_window(things), borrowed_window(places), borrowed_shared(shared), cutoff)


@kernel
def _log(s: Any, number: int) -> int:
    return s.logarithm[min(max(number, 1), len(s.logarithm) - 1)]


@kernel
def surprise(s: Any, w: Any, left: int, right: int, users: int) -> int:
    """How unlikely it is that an account with as many ties meets a thing with as many users by chance.

    −log of the expected number of ties between them when all ties are dealt out anew; never below 0.
    """
    ties = max(np.int64(w.degree[left]), 1)
    return max(_log(s, w.counts[HELD]) - _log(s, ties) - _log(s, users), 0)


@kernel
def evidence_of(
    u: Any, v: Any, s: Any, account: int, target: int, thing: int, since: int, looked: int
) -> int:
    """How far the other recent users of a thing act with this account: at the same target lately, or all young.

    Each other user counts with the surprise of meeting at the thing and at the target; what they come to is averaged
    over all users looked at, so that one friend among fifty strangers tells little, and grows with their number.
    """
    users = np.int64(u.degree[thing])
    if users == 0:
        return np.int64(0)
    if find_pair(u, account, thing) < 0:
        users += 1
    elif users == 1:
        return np.int64(0)
    tie = surprise(s, u, account, thing, users)
    youth = _log(s, s.counts[ACCOUNTS]) - _log(s, s.counts[YOUNG])
    is_young = s.born[account] > 0 or u.degree[account] == 0
    others = together = peers = np.int64(0)
    met = np.int64(0)
    at = u.newest[thing]
    while at and others < looked:
        other = np.int64(u.pairs[at - 1].left)
        at = u.pairs[at - 1].older
        if other == account:
            continue
        others += 1
        pair = find_pair(v, other, target)
        if pair >= 0 and v.pairs[pair].last > since:
            together += 1
            met += tie + surprise(s, v, other, target, np.int64(v.degree[target]))
        if is_young and s.born[other] > 0:
            peers += 1
    by_chance = (others * np.int64(v.degree[target]) << UNIT_BITS) // max(s.counts[ACCOUNTS], 1)
    excess = max((together << UNIT_BITS) - by_chance, 0) // others
    told = (met // others * excess >> UNIT_BITS) * _log(s, 1 + together) >> UNIT_BITS
    return told + (peers * youth // others * _log(s, 1 + peers) >> UNIT_BITS)


@kernel
def _write_found(
    u: Any,
    v: Any,
    s: Any,
    event: Any,
    thing: int,
    since: int,
    looked: int,
    evidence: int,
    least: int,
    found: Any,
) -> None:
    """Append who acts together on the thing, the payer first: a payment to the target, or else the use of the thing."""
    account, target = np.int64(event.ends[ACCOUNT]), np.int64(event.ends[TARGET])
    pattern = found.patterns[found.counts[0]]
    found.counts[0] += 1
    pattern.kind, pattern.centre, pattern.edges = SHARED_ATTRIBUTE, thing, 0
    pattern.strength = evidence / (least + evidence)
    _add(found, pattern, event.time, event.amount, account, target)
    is_young = s.born[account] > 0 or u.degree[account] == 0
    seen = np.int64(0)
    at = u.newest[thing]
    while at and seen < looked:
        use = u.pairs[at - 1]
        other, at = np.int64(use.left), use.older
        if other == account:
            continue
        seen += 1
        pair = find_pair(v, other, target)
        if pair >= 0 and v.pairs[pair].last > since:
            _add(found, pattern, v.pairs[pair].last, v.pairs[pair].amount, other, target)
        elif is_young and s.born[other] > 0:
            _add(found, pattern, use.last, use.amount, other, thing)
    pattern.size = pattern.edges


@kernel
def _add(found: Any, pattern: Any, time: int, amount: float, source: int, target: int) -> None:
    edge = found.edges[found.counts[1]]
    edge.time, edge.amount, edge.source, edge.target = time, amount, source, target
    pattern.edges += 1
    found.counts[1] += 1


@kernel
def _be_born(s: Any, account: int, now: int) -> None:
    s.counts[ACCOUNTS] += 1
    s.counts[YOUNG] += 1
    at = s.counts[BIRTHS_LAST] % len(s.birth_time)
    s.birth_time[at], s.birth_node[at] = now, account
    s.counts[BIRTHS_LAST] += 1
    s.born[account] = s.counts[BIRTHS_LAST]


@kernel
def _leave(u: Any, s: Any, pair: int) -> None:
    """A pair of account and thing has left the window."""
    account = u.pairs[pair].left
    if u.degree[account] == 0:
        s.counts[ACCOUNTS] -= 1
        if s.born[account] > 0:
            s.counts[YOUNG] -= 1
        s.born[account] = 0


@kernel
def _expire(u: Any, v: Any, s: Any, cutoff: int) -> None:
    pair = drop_due(u, cutoff)
    while pair >= 0:
        _leave(u, s, pair)
        pair = drop_due(u, cutoff)
    while drop_due(v, cutoff) >= 0:
        pass


@kernel
def _grow_up(s: Any, cutoff: int) -> None:
    """Accounts that came in at or before ``cutoff`` are young no longer, nor is the oldest where there is no room."""
    while s.counts[BIRTHS_FIRST] < s.counts[BIRTHS_LAST]:
        at = s.counts[BIRTHS_FIRST] % len(s.birth_time)
        is_full = s.counts[BIRTHS_LAST] - s.counts[BIRTHS_FIRST] == len(s.birth_time)
        if s.birth_time[at] > cutoff and not is_full:
            break
        s.counts[BIRTHS_FIRST] += 1
        node = s.birth_node[at]
        if s.born[node] == s.counts[BIRTHS_FIRST]:
            s.born[node] = 0
            s.counts[YOUNG] -= 1
