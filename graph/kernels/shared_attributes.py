"""What the accounts on one device or address have in common, told before each transaction is taken in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fraud.compiled import kernel
from fraud.intrinsics import borrow
from graph.kernels.pair_window import (
    CLOCK,
    HELD,
    LATE,
    add_pair,
    borrowed_window,
    drop_due,
    drop_oldest,
    find_pair,
    renew_pair,
)

UNIT_BITS = 16
THINGS = 2
"""Identifiers of a transaction: device and address."""

# Places in ``counts``.
ACCOUNTS, YOUNG, BIRTHS_FIRST, BIRTHS_LAST, SHARED_COUNTS = range(5)

# Columns of the scores.
ACCOUNT_SCORE, TARGET_SCORE, THING_SCORE, EVIDENCE, SCORES = range(5)


class Shared(NamedTuple):
    """Sums of the evidence that lies on each node's pairs, and who among the accounts is young."""

    agreed: Any
    born: Any
    birth_time: Any
    birth_node: Any
    counts: Any
    logarithm: Any


@kernel
def borrowed_shared(s: Any) -> Any:
    """The same arrays without owners; see ``fraud.intrinsics.borrow``."""
    return Shared(
        borrow(s.agreed),
        borrow(s.born),
        borrow(s.birth_time),
        borrow(s.birth_node),
        borrow(s.counts),
        borrow(s.logarithm),
    )


@kernel
def observe_shared(
    things: Any,
    places: Any,
    shared: Any,
    account: Any,
    target: Any,
    thing: Any,
    time: Any,
    amount: Any,
    length: int,
    youth: int,
    recent: int,
    looked: int,
    most_pairs: int,
    scores: Any,
) -> None:
    """Score each transaction from what was known before it, then take it in.

    ``thing`` [n, 2] are node numbers, −1 for none; ``length``, ``youth`` and ``recent`` are in µs.
    """
    u, v, s = borrowed_window(things), borrowed_window(places), borrowed_shared(shared)
    for i in range(len(account)):
        u.counts[CLOCK] = max(time[i], u.counts[CLOCK])
        now = u.counts[CLOCK]
        _expire(u, v, s, now - length)
        _grow_up(s, now - youth)
        strongest = _score(u, v, s, account[i], target[i], thing[i], now - recent, looked, scores[i])
        if time[i] <= now - length:
            u.counts[LATE] += 1
            continue
        for k in range(THINGS):
            if thing[i, k] >= 0:
                if u.counts[HELD] == most_pairs:
                    _leave(u, s, drop_oldest(u))
                _use(u, s, account[i], thing[i, k], time[i], amount[i])
                evidence = evidence_of(u, v, s, account[i], target[i], thing[i, k], now - recent, looked)
                _record(u, s, find_pair(u, account[i], thing[i, k]), evidence)
        if v.counts[HELD] == most_pairs:
            _depart(v, s, drop_oldest(v))
        pair = _visit(v, account[i], target[i], time[i], amount[i])
        if strongest >= 0:
            _agree(v, s, pair, strongest)


@kernel
def expire_shared(things: Any, places: Any, shared: Any, now: int, length: int, youth: int) -> None:
    """Let the clock go on to ``now`` without a transaction."""
    u, v, s = borrowed_window(things), borrowed_window(places), borrowed_shared(shared)
    u.counts[CLOCK] = max(now, u.counts[CLOCK])
    _expire(u, v, s, u.counts[CLOCK] - length)
    _grow_up(s, u.counts[CLOCK] - youth)


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
    if find_pair(u, account, thing) < 0:
        users += 1
    tie = surprise(s, u, account, thing, users)
    youth = _log(s, s.counts[ACCOUNTS]) - _log(s, s.counts[YOUNG])
    is_young = s.born[account] >= 0 or u.degree[account] == 0
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
        if is_young and s.born[other] >= 0:
            peers += 1
    if others == 0:
        return np.int64(0)
    by_chance = (others * np.int64(v.degree[target]) << UNIT_BITS) // max(s.counts[ACCOUNTS], 1)
    excess = max((together << UNIT_BITS) - by_chance, 0) // others
    told = (met // others * excess >> UNIT_BITS) * _log(s, 1 + together) >> UNIT_BITS
    return told + (peers * youth // others * _log(s, 1 + peers) >> UNIT_BITS)


@kernel
def _score(
    u: Any, v: Any, s: Any, account: int, target: int, thing: Any, since: int, looked: int, out: Any
) -> int:
    """Fill the scores; returns the strongest evidence, −1 where the transaction names no thing."""
    strongest, on_thing = np.int64(-1), np.int64(0)
    for k in range(THINGS):
        if thing[k] >= 0:
            strongest = max(strongest, evidence_of(u, v, s, account, target, thing[k], since, looked))
            on_thing = max(on_thing, s.agreed[thing[k]] // max(np.int64(u.degree[thing[k]]), 1))
    out[ACCOUNT_SCORE] = s.agreed[account]
    out[TARGET_SCORE] = s.agreed[target] // max(np.int64(v.degree[target]), 1)
    out[THING_SCORE] = on_thing
    out[EVIDENCE] = max(strongest, 0)
    return strongest


@kernel
def _use(u: Any, s: Any, account: int, thing: int, time: int, amount: float) -> None:
    if u.degree[account] == 0:
        s.counts[ACCOUNTS] += 1
        s.counts[YOUNG] += 1
        s.born[account] = u.counts[CLOCK]
        at = s.counts[BIRTHS_LAST] % len(s.birth_time)
        s.birth_time[at], s.birth_node[at] = u.counts[CLOCK], account
        s.counts[BIRTHS_LAST] += 1
    pair = find_pair(u, account, thing)
    if pair < 0:
        pair = add_pair(u, account, thing, time)
    else:
        renew_pair(u, pair, time)
    u.pairs[pair].count += 1
    u.pairs[pair].amount = amount


@kernel
def _visit(v: Any, account: int, target: int, time: int, amount: float) -> int:
    pair = find_pair(v, account, target)
    if pair < 0:
        pair = add_pair(v, account, target, time)
    else:
        renew_pair(v, pair, time)
    v.pairs[pair].count += 1
    v.pairs[pair].amount = amount
    return pair


@kernel
def _record(u: Any, s: Any, pair: int, evidence: int) -> None:
    one = u.pairs[pair]
    s.agreed[one.right] += evidence - one.value
    one.value = evidence


@kernel
def _agree(v: Any, s: Any, pair: int, evidence: int) -> None:
    one = v.pairs[pair]
    s.agreed[one.left] += evidence - one.value
    s.agreed[one.right] += evidence - one.value
    one.value = evidence


@kernel
def _leave(u: Any, s: Any, pair: int) -> None:
    """A pair of account and thing has left the window."""
    one = u.pairs[pair]
    s.agreed[one.right] -= one.value
    if u.degree[one.left] == 0:
        s.counts[ACCOUNTS] -= 1
        if s.born[one.left] >= 0:
            s.counts[YOUNG] -= 1
        s.born[one.left] = -1


@kernel
def _depart(v: Any, s: Any, pair: int) -> None:
    """A pair of account and target has left the window."""
    one = v.pairs[pair]
    s.agreed[one.left] -= one.value
    s.agreed[one.right] -= one.value


@kernel
def _expire(u: Any, v: Any, s: Any, cutoff: int) -> None:
    pair = drop_due(u, cutoff)
    while pair >= 0:
        _leave(u, s, pair)
        pair = drop_due(u, cutoff)
    pair = drop_due(v, cutoff)
    while pair >= 0:
        _depart(v, s, pair)
        pair = drop_due(v, cutoff)


@kernel
def _grow_up(s: Any, cutoff: int) -> None:
    """Accounts that came in at or before ``cutoff`` are young no longer."""
    while s.counts[BIRTHS_FIRST] < s.counts[BIRTHS_LAST]:
        at = s.counts[BIRTHS_FIRST] % len(s.birth_time)
        is_full = s.counts[BIRTHS_LAST] - s.counts[BIRTHS_FIRST] == len(s.birth_time)
        if s.birth_time[at] > cutoff and not is_full:
            break
        node = s.birth_node[at]
        if s.born[node] == s.birth_time[at]:
            s.born[node] = -1
            s.counts[YOUNG] -= 1
        s.counts[BIRTHS_FIRST] += 1


@kernel
def companions(
    things: Any,
    places: Any,
    shared: Any,
    account: int,
    target: int,
    thing: int,
    since: int,
    looked: int,
    found: Any,
) -> int:
    """Other recent users of a thing that were at the target lately or are young with the account; how many."""
    u, v, s = borrowed_window(things), borrowed_window(places), borrowed_shared(shared)
    is_young = s.born[account] >= 0
    seen = held = 0
    at = u.newest[thing]
    while at and seen < looked:
        other = np.int64(u.pairs[at - 1].left)
        at = u.pairs[at - 1].older
        if other == account:
            continue
        seen += 1
        pair = find_pair(v, other, target)
        if (pair >= 0 and v.pairs[pair].last > since) or (is_young and s.born[other] >= 0):
            found[held] = other
            held += 1
    return held
