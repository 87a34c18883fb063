"""The suspicious part of the payment graph: accounts, and the things that tie them by their suspicious transactions.

Each suspicious transaction leaves its account's mark on all that it touches. Marks are weighed, not counted: a score p
speaks for a ring by the logarithm of p's odds against the common rate of fraud, and every user of the thing without a
mark speaks against it. So the terminal of a busy shop or a family's router, marked by one of many, ties nobody, and
many weak marks on a rare thing tie as well as few strong ones. What it holds is the same in whatever order the
suspicions came: weights are whole numbers, and expiry follows the newest time seen.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from graph.layout import DAY
from graph.ring_policy import RingPolicy
from graph.suspects import Pattern, Suspect, Tie, TieKind

__all__ = ["Component", "SuspiciousGraph", "Thing"]

MILLI = 1_000
"""Evidence is kept in whole thousandths of a nat, so that sums do not depend on their order."""
MOST_ROWS = 64
"""Suspicious transactions that are remembered of one account, the newest."""
LEAST_SCORE, MOST_SCORE = 1e-3, 0.98
PARTIES = (TieKind.ACCOUNT, TieKind.PAYER)
"""Ties that are accounts themselves."""


@dataclass(slots=True)
class Thing:
    """What accounts have marked."""

    users: float = 0.0
    """Accounts that use it, as told by the newest suspicion."""
    users_at: int = 0
    marks: dict[str, dict[str, int]] = field(default_factory=dict)
    """By account, its live marks: weight by transaction."""
    evidence: int = 0
    """Sum over accounts of their heaviest mark."""


@dataclass(frozen=True, slots=True)
class Component:
    """Accounts that hang together through ties, with the ties; in sorted order."""

    accounts: tuple[str, ...]
    edges: tuple[tuple[str, Tie, float], ...]
    """Account, what ties it, and how closely (nats)."""
    truncated: bool = False
    """Whether there is more than is grouped at once; then there are no edges."""


class SuspiciousGraph:
    """Live suspicions, by account and by thing."""

    def __init__(self, policy: RingPolicy) -> None:
        self._policy = policy
        self._rules = dict(policy.ties)
        self._window = int(policy.window_days * DAY)
        self._most_tying = round(MILLI * policy.most_tying)
        self.newest = 0
        """Time of the newest suspicion, µs."""
        self.suspects: dict[str, dict[str, Suspect]] = {}
        """Live suspicions by account and transaction."""
        self.things: dict[Tie, Thing] = {}
        self.ties_of: dict[str, dict[Tie, None]] = {}
        self.marked: dict[str, list[tuple[Tie, str]]] = {}
        """By transaction, its marks: what, and whose."""
        self.ageing: list[tuple[int, str, str, str]] = []
        """Heap of what expires when, µs: account, transaction, and the kind of its marks, or empty for all of it."""
        self.work = 0
        """Accounts, ties and edges that were looked at so far: what the bound on work is tested by."""

    def add(self, suspect: Suspect, patterns: Iterable[Pattern] = ()) -> list[Tie]:
        """Take in a suspicion and the patterns that it completes; returns what was marked."""
        self.newest = max(self.newest, suspect.time)
        suspects = self.suspects.setdefault(suspect.account, {})
        suspects[suspect.transaction_id] = suspect
        heapq.heappush(
            self.ageing, (suspect.time + self._window, suspect.account, suspect.transaction_id, "")
        )
        self.marked[suspect.transaction_id] = []
        weight = min(self._weight(suspect.of_ring), self._most_tying)
        marked = [tie for tie, _ in suspect.touches]
        for tie, users in suspect.touches:
            self._told(tie, users, suspect.time)
            self._mark(tie, suspect.account, suspect.transaction_id, weight)
            if tie.kind is TieKind.ACCOUNT:
                marked.append(Tie(TieKind.PAYER, suspect.account))
                self._mark(marked[-1], tie.token, suspect.transaction_id, weight)
        for pattern in patterns:
            marked.append(pattern.tie)
            for account in pattern.accounts:
                self._mark(pattern.tie, account, suspect.transaction_id, round(MILLI * pattern.evidence))
        for kind in {tie.kind for tie in marked}:
            if self._rules[kind].days < self._policy.window_days:
                expiry = suspect.time + int(self._rules[kind].days * DAY)
                heapq.heappush(self.ageing, (expiry, suspect.account, suspect.transaction_id, kind.value))
        if len(suspects) > MOST_ROWS:
            self._forget(min(suspects.values(), key=lambda one: (one.time, one.transaction_id)))
        self._expire()
        return marked

    def ties(self, tie: Tie) -> bool:
        """Whether a thing ties the accounts that marked it."""
        thing = self.things.get(tie)
        if thing is None:
            return False
        rule, marked, evidence = self._rules[tie.kind], len(thing.marks), thing.evidence
        passed_on = self._passes_on(tie) if self._policy.passing_on else 0
        if passed_on:
            marked, evidence = marked + 1, evidence + passed_on
        return (
            marked >= max(rule.marked, rule.share * thing.users)
            and evidence / MILLI - self.against(tie) >= rule.evidence
        )

    def _passes_on(self, tie: Tie) -> int:
        """Heaviest live mark of what a receiver of transfers sends on itself; 0 for all that does not."""
        sent = self.things.get(Tie(TieKind.PAYER, tie.token)) if tie.kind is TieKind.ACCOUNT else None
        return 0 if sent is None else max(max(marks.values()) for marks in sent.marks.values())

    def marked_by(self, tie: Tie) -> Iterable[str]:
        """Accounts with a live mark on a thing."""
        thing = self.things.get(tie)
        return () if thing is None else thing.marks

    def users(self, tie: Tie) -> float:
        """Accounts that use a thing, those with a mark at least; 1 for a thing without any."""
        thing = self.things.get(tie)
        return 1.0 if thing is None else max(thing.users, float(len(thing.marks)), 1.0)

    def against(self, tie: Tie) -> float:
        """Evidence (nats) that users without a mark bring against a thing."""
        thing = self.things.get(tie)
        return 0.0 if thing is None else self._policy.unmarked * max(thing.users - len(thing.marks), 0.0)

    def weight(self, account: str, ties: Iterable[Tie]) -> float:
        """Evidence (nats) that an account brings to a ring: its most suspicious payment, or its heaviest mark."""
        own = max((self._weight(one.of_ring) for one in self.suspects.get(account, {}).values()), default=0)
        known = self.ties_of.get(account, {})
        marks = [max(self.things[tie].marks[account].values()) for tie in ties if tie in known]
        return max(own, *marks, 0) / MILLI

    def restore(self, tie: Tie, users: float, users_at: int, marks: dict[str, dict[str, int]]) -> None:
        """Bring a thing back as it was."""
        evidence = sum(max(some.values()) for some in marks.values())
        self.things[tie] = Thing(users, users_at, marks, evidence)

    def component(self, starts: Iterable[str]) -> Component:
        """All that hangs together with some accounts, up to the policy's bound."""
        seen: dict[str, None] = dict.fromkeys(starts)
        ties: dict[Tie, None] = {}
        waiting = list(seen)
        while waiting:
            account = waiting.pop()
            for tie in self._holding(account):
                if tie in ties:
                    continue
                ties[tie] = None
                if len(self.things[tie].marks) + len(seen) + len(ties) > self._policy.most_vertices:
                    return Component(tuple(sorted(seen)), (), truncated=True)
                fresh = [one for one in self._held_by(tie) if one not in seen]
                seen.update(dict.fromkeys(fresh))
                waiting += fresh
        edges = tuple(self._edges(sorted(ties)))
        self.work += len(seen) + len(edges)
        return Component(tuple(sorted(seen)), edges)

    def _edges(self, ties: list[Tie]) -> Iterator[tuple[str, Tie, float]]:
        for tie in ties:
            marks, pull = self.things[tie].marks, self._rules[tie.kind].pull
            for account in sorted(marks):
                yield account, tie, pull * max(max(marks[account].values()), 1) / MILLI

    def _holding(self, account: str) -> list[Tie]:
        """What ties an account to others, itself as a party to transfers included; the newest marks of very many."""
        ties = list(islice(reversed(self.ties_of.get(account, {})), self._policy.most_vertices))
        ties += [Tie(kind, account) for kind in PARTIES]
        self.work += len(ties)
        return [tie for tie in ties if self.ties(tie)]

    def _held_by(self, tie: Tie) -> Iterator[str]:
        yield from self.things[tie].marks
        if tie.kind in PARTIES:
            yield tie.token

    def _told(self, tie: Tie, users: float, time: int) -> None:
        thing = self.things.setdefault(tie, Thing())
        if (time, users) > (thing.users_at, thing.users):
            thing.users_at, thing.users = time, users

    def _mark(self, tie: Tie, account: str, transaction_id: str, weight: int) -> None:
        thing = self.things.setdefault(tie, Thing())
        marks = thing.marks.setdefault(account, {})
        thing.evidence -= max(marks.values(), default=0)
        marks[transaction_id] = max(weight, marks.get(transaction_id, weight))
        thing.evidence += max(marks.values())
        self.ties_of.setdefault(account, {})[tie] = None
        self.marked[transaction_id].append((tie, account))

    def _expire(self) -> None:
        while self.ageing and self.ageing[0][0] < self.newest:
            _, account, transaction_id, kind = heapq.heappop(self.ageing)
            suspect = self.suspects.get(account, {}).get(transaction_id)
            if suspect is None:
                continue
            if kind:
                self._unmark(
                    transaction_id, [one for one in self.marked[transaction_id] if one[0].kind == kind]
                )
            else:
                self._forget(suspect)

    def _forget(self, suspect: Suspect) -> None:
        """Take a suspicion back, with all that it marked."""
        suspects = self.suspects[suspect.account]
        del suspects[suspect.transaction_id]
        if not suspects:
            del self.suspects[suspect.account]
        self._unmark(suspect.transaction_id, self.marked.pop(suspect.transaction_id))

    def _unmark(self, transaction_id: str, marked: list[tuple[Tie, str]]) -> None:
        for tie, account in marked:
            thing = self.things.get(tie)
            marks = {} if thing is None else thing.marks.get(account, {})
            if thing is not None and transaction_id in marks:
                thing.evidence -= max(marks.values())
                del marks[transaction_id]
                thing.evidence += max(marks.values(), default=0)
                self._tidy(tie, account)

    def _tidy(self, tie: Tie, account: str) -> None:
        thing = self.things[tie]
        if thing.marks[account]:
            return
        del thing.marks[account], self.ties_of[account][tie]
        if not self.ties_of[account]:
            del self.ties_of[account]
        if not thing.marks:
            del self.things[tie]

    def _weight(self, score: float) -> int:
        policy = self._policy
        probability = min(max(score, LEAST_SCORE), MOST_SCORE)
        odds = probability / (1.0 - probability) * (1.0 - policy.base_rate) / policy.base_rate
        return round(MILLI * math.log(policy.member_share * odds + 1.0 - policy.member_share))
