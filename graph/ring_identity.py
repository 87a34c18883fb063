"""Which ring a community is: identity through joining, leaving, merging and splitting.

A ring goes on in the community that holds most of its accounts. Rings that go on in the same community merge: the one
that people know, then the older one, keeps its identity, and the other points to it. A community in which no ring goes
on is a new ring; where it is a part of an old one, it points back. Every step is noted with its reason and time.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from fraud.instant import EPOCH
from fraud.ring import RingEvent, RingStep
from graph.communities import Community
from graph.ring_state import Member, RingState
from graph.suspects import Suspect, Tie
from graph.suspicious_graph import SuspiciousGraph

__all__ = ["Identities", "moment", "note"]

LEAST_PART = 2
"""Accounts of an old ring in a new one from which this one is a part that split off."""
MOST_NAMED = 20
"""Members that one entry of a history names."""
MOST_EVENTS = 100
"""Entries of a history that wait for the ring's next report, the newest."""


def moment(time: int) -> datetime:
    """µs since 1970 as a time in UTC."""
    return EPOCH + timedelta(microseconds=time)


def note(
    ring: RingState, time: int, step: RingStep, reason: str, *, members: Iterable[str] = (), other: str | None = None,
    by: str = "",
) -> None:  # fmt: skip
    """Add an entry to a ring's history."""
    names = sorted(members)
    ring.event_count += 1
    named = tuple(names[:MOST_NAMED])
    ring.events.append(RingEvent(ring.event_count, moment(time), step, reason, len(names), named, other, by))
    del ring.events[:-MOST_EVENTS]


class Identities:
    """The rings there are, and which account belongs to which."""

    def __init__(self, graph: SuspiciousGraph) -> None:
        self._graph = graph
        self.rings: dict[str, RingState] = {}
        self.ring_of: dict[str, RingState] = {}
        self.merged: dict[str, str] = {}
        """Where rings that are no more went."""
        self.ended: list[RingState] = []
        """Reported rings that were merged into others and are still to be told of."""

    def current(self, ring_id: str) -> RingState | None:
        """The ring that goes by an identity now, whatever it was merged into."""
        while ring_id in self.merged:
            ring_id = self.merged[ring_id]
        return self.rings.get(ring_id)

    def assign(self, groups: Sequence[Community], scope: Collection[str], cause: Suspect) -> list[RingState]:
        """Carry rings over into new communities of the accounts in ``scope``; returns the rings that took part."""
        touched = {ring.ring_id: ring for one in scope if (ring := self.ring_of.get(one)) is not None}
        heirs = self._heirs(groups, touched)
        took_part: dict[str, RingState] = {}
        was = {one: self.ring_of.get(one) for one in scope}
        for number, (accounts, ties) in enumerate(groups):
            claims = sorted(
                (ring for ring in touched.values() if heirs.get(ring.ring_id) == number), key=_seniority
            )
            ring = self._carry_on(claims, cause.time) if claims else self._found(accounts, was, cause)
            self._let_join(ring, accounts, ties, cause.time)
            took_part[ring.ring_id] = ring
        grouped = {account for accounts, _ in groups for account in accounts}
        for ring in took_part.values():
            self._let_leave(ring, scope, grouped, cause.time)
        return list(took_part.values())

    def join(self, ring: RingState, accounts: Collection[str], tie: Tie, time: int) -> None:
        """Let accounts into a ring that is too large to be grouped anew."""
        fresh = [one for one in sorted(accounts) if one not in self.ring_of]
        self._enter(ring, fresh, time)
        ring.ties.setdefault(tie, time)
        if fresh:
            note(ring, time, RingStep.JOINED, f"tied by {_words([tie])}", members=fresh)

    def found(self, accounts: Collection[str], cause: Suspect) -> RingState:
        """A new ring, as yet without members."""
        known = (self._graph.suspects.get(account, {}).values() for account in accounts)
        first = min(
            (one for some in known for one in some),
            key=lambda one: (one.time, one.transaction_id),
            default=cause,
        )
        ring_id = _identity(first.transaction_id)
        if ring_id in self.rings or ring_id in self.merged:
            ring_id = _identity(f"{first.transaction_id} {cause.transaction_id} {min(accounts)}")
        serial = len(self.rings) + len(self.merged)
        ring = RingState(ring_id, cause.time, first.time, first.time, serial)
        self.rings[ring_id] = ring
        return ring

    def _heirs(self, groups: Sequence[Community], touched: dict[str, RingState]) -> dict[str, int]:
        """By ring, the number of the community in which it goes on: most of its accounts, the first where equal."""
        shares: dict[str, dict[int, int]] = {}
        for number, (accounts, _) in enumerate(groups):
            for account in accounts:
                ring = self.ring_of.get(account)
                if ring is not None:
                    share = shares.setdefault(ring.ring_id, {})
                    share[number] = share.get(number, 0) + 1
        return {
            ring_id: max(shares[ring_id], key=lambda number: (shares[ring_id][number], -number))
            for ring_id in touched
            if ring_id in shares
        }

    def _carry_on(self, claims: list[RingState], time: int) -> RingState:
        older, *younger = claims
        for ring in younger:
            self._merge(ring, older, time)
        return older

    def _found(self, accounts: frozenset[str], was: dict[str, RingState | None], cause: Suspect) -> RingState:
        ring = self.found(accounts, cause)
        parts: dict[str, list[str]] = {}
        olds: dict[str, RingState] = {}
        for account in accounts:
            old = was.get(account)
            if old is not None:
                parts.setdefault(old.ring_id, []).append(account)
                olds[old.ring_id] = old
        part = min(parts, key=lambda one: (-len(parts[one]), olds[one].seniority), default=None)
        if part is None or len(parts[part]) < LEAST_PART:
            note(ring, cause.time, RingStep.FOUNDED, "first tied together", members=accounts)
            return ring
        old = self.current(part)
        ring.split_from = part
        reason = "tied more closely to each other than to the rest"
        note(ring, cause.time, RingStep.SPLIT, reason, members=parts[part], other=part)
        if old is not None:
            note(old, cause.time, RingStep.SPLIT, reason, members=parts[part], other=ring.ring_id)
            if old.first_reported is not None:
                # Its accounts have been reported: it is news again when it grows.
                ring.reported_accounts, ring.reported_money = len(accounts), self._money(accounts)
        return ring

    def _money(self, accounts: Iterable[str]) -> float:
        # Exact, since accounts come in no order of their own: two desks must agree to the last bit.
        return math.fsum(
            one.amount for account in accounts for one in self._graph.suspects.get(account, {}).values()
        )

    def _merge(self, younger: RingState, older: RingState, time: int) -> None:
        for account, member in younger.accounts.items():
            self.ring_of[account] = older
            older.accounts[account] = member
        for tie, since in younger.ties.items():
            older.ties.setdefault(tie, since)
        for transaction_id, evidence in younger.evidence.items():
            older.evidence.setdefault(transaction_id, evidence)
        older.bound_evidence()
        older.money += younger.money
        older.at_risk += younger.at_risk
        older.first_seen = min(older.first_seen, younger.first_seen)
        older.last_seen = max(older.last_seen, younger.last_seen)
        older.truncated |= younger.truncated
        older.absorbed += younger.absorbed
        if younger.first_reported is not None:
            older.absorbed.append(younger.ring_id)
            self.ended.append(younger)
        reason = "the same accounts and ties hold both together"
        note(older, time, RingStep.MERGED, reason, members=younger.accounts, other=younger.ring_id)
        note(younger, time, RingStep.MERGED, reason, members=younger.accounts, other=older.ring_id)
        younger.merged_into = older.ring_id
        del self.rings[younger.ring_id]
        self.merged[younger.ring_id] = older.ring_id

    def _let_join(self, ring: RingState, accounts: frozenset[str], ties: frozenset[Tie], time: int) -> None:
        is_new = not ring.accounts
        fresh = [account for account in sorted(accounts) if self.ring_of.get(account) is not ring]
        for account in fresh:
            old = self.ring_of.get(account)
            if old is not None:
                reason = f"tied more closely to {ring.ring_id}"
                self._take_out(old, [account])
                if ring.split_from != old.ring_id:
                    note(old, time, RingStep.LEFT, reason, members=[account], other=ring.ring_id)
        self._enter(ring, fresh, time)
        ring.ties = {tie: ring.ties.get(tie, time) for tie in sorted(ties)}
        if fresh and not is_new:
            note(ring, time, RingStep.JOINED, f"tied by {_words(ties)}", members=fresh)

    def _enter(self, ring: RingState, accounts: Iterable[str], time: int) -> None:
        for account in accounts:
            self.ring_of[account] = ring
            ring.accounts[account] = Member(time, 0.0)
            suspects = self._graph.suspects.get(account, {}).values()
            for one in sorted(suspects, key=lambda one: (one.time, one.transaction_id)):
                ring.add_evidence(one)

    def _let_leave(
        self, ring: RingState, scope: Collection[str], grouped: Collection[str], time: int
    ) -> None:
        """Members that are tied to nobody any more; a ring that was reported keeps them while they are suspicious."""
        gone = [one for one in ring.accounts if one in scope and one not in grouped]
        quiet = [one for one in gone if one not in self._graph.suspects]
        known = ring.first_reported is not None
        loose = [] if known else [one for one in gone if one in self._graph.suspects]
        self._take_out(ring, loose)
        for account in quiet:
            del ring.accounts[account], self.ring_of[account]
        if quiet:
            note(ring, time, RingStep.LEFT, "nothing suspicious of late", members=quiet)
        if loose:
            note(ring, time, RingStep.LEFT, "no longer tied to the others", members=loose)

    def _take_out(self, ring: RingState, accounts: Collection[str]) -> None:
        """Take accounts and their evidence out of a ring; their payments are no longer its own."""
        leaving = set(accounts)
        for account in leaving:
            del ring.accounts[account]
            self.ring_of.pop(account, None)
        for transaction_id in [key for key, one in ring.evidence.items() if one.account in leaving]:
            one = ring.evidence.pop(transaction_id)
            ring.money -= one.amount
            ring.at_risk -= one.amount * one.score


def _seniority(ring: RingState) -> tuple[bool, int, int, int]:
    return ring.seniority


def _words(ties: Iterable[Tie]) -> str:
    names = {
        "device": "a device", "ip": "an address", "merchant": "a merchant", "account": "a receiver of transfers",
        "payer": "a sender of transfers", "pattern": "a pattern of payments",
    }  # fmt: skip
    return " and ".join(names[kind] for kind in dict.fromkeys(tie.kind.value for tie in sorted(ties)))


def _identity(source: str) -> str:
    """A ring id that a replay of the same log gives again."""
    return "ring-" + hashlib.blake2b(source.encode(), digest_size=6).hexdigest()
