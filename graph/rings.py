"""Rings found as they form: accounts tied by rare shared things on their suspicious transactions.

A transaction that the scorer finds suspicious leaves its account's mark on everything it touches: device, address,
merchant, counterparty. A thing *ties* the accounts that marked it once they are a telling share of all who use it; the
terminal of a busy shop or a family's router, marked by one of many, ties nobody. Tied accounts are joined into rings by
majority: a tie whose accounts mostly belong to a ring brings the others in, and rings merge only when one tie holds a
majority of the smaller; one common account is a bridge and no more. When rings merge, the older identity lives on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

import msgspec

from graph.layout import DAY

__all__ = ["RingChange", "RingPolicy", "RingState", "RingWatch", "Suspect", "Tie", "TieKind"]


LEAST_FOUNDERS = 2
"""Accounts without a ring that it takes to found one, or that two rings must share a tie by to merge."""


class TieKind(StrEnum):
    """What may tie accounts together."""

    DEVICE = "device"
    IP = "ip"
    MERCHANT = "merchant"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Tie:
    """One device, address, merchant or counterparty account."""

    kind: TieKind
    token: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A suspicious transaction, and how many accounts share each thing that it touches."""

    transaction_id: str
    time: int
    """µs since 1970 UTC"""
    score: float
    amount: float
    account: str
    touches: tuple[tuple[Tie, float], ...]
    """Each thing touched, with the number of accounts that use it (recently, or ever where that is few)."""


@dataclass(frozen=True, slots=True)
class RingPolicy:
    """When things tie and when a group is worth an alert; the defaults were tuned on simulated worlds."""

    window_days: float = 30.0
    """Marks older than this no longer count."""
    least_accounts: int = 3
    least_suspicion: float = 0.2
    """Probability of fraud from which a transaction leaves marks."""
    least_score: float = 0.2
    """Mean over members of their highest score, from which a ring is reported."""
    join_share: float = 0.5
    """Share of a tie's accounts that must belong to a ring for the others to join it."""
    merge_share: float = 0.5
    """Share of the smaller ring's accounts that one tie must hold for two rings to become one."""
    growth: float = 0.25
    """Share by which members or money must have grown before a ring is reported again."""
    tie_share: tuple[tuple[TieKind, float], ...] = (
        (TieKind.DEVICE, 0.5),
        (TieKind.IP, 0.6),
        (TieKind.MERCHANT, 0.5),
        (TieKind.ACCOUNT, 0.5),
    )
    """Least share of a thing's users that must be marked."""
    tie_marks: tuple[tuple[TieKind, int], ...] = (
        (TieKind.DEVICE, 2),
        (TieKind.IP, 2),
        (TieKind.MERCHANT, 4),
        (TieKind.ACCOUNT, 1),
    )
    """Least number of marked accounts; a counterparty is one party to the tie itself."""


@dataclass(slots=True)
class Member:
    """One account of a ring."""

    joined: int
    score: float


@dataclass(slots=True)
class RingState:
    """A group of tied accounts."""

    ring_id: str
    first_seen: int
    last_seen: int
    accounts: dict[str, Member] = field(default_factory=dict)
    ties: dict[Tie, int] = field(default_factory=dict)
    """When each tie first held."""
    evidence: dict[str, float] = field(default_factory=dict)
    """Suspicious transactions of the members, oldest first, with their amounts."""
    absorbed: list[str] = field(default_factory=list)
    """Identities of reported rings that were merged into this one."""
    first_reported: int | None = None
    version: int = 0
    reported_accounts: int = 0
    reported_money: float = 0.0

    @property
    def money(self) -> float:
        """Sum of the suspicious amounts."""
        return sum(self.evidence.values())

    @property
    def score(self) -> float:
        """Mean over the accounts of their highest score."""
        return sum(member.score for member in self.accounts.values()) / len(self.accounts)

    @property
    def kind(self) -> str:
        """Named after the most telling tie that holds it together."""
        kinds = {tie.kind for tie in self.ties}
        if TieKind.DEVICE in kinds:
            return "shared_device"
        if TieKind.IP in kinds:
            return "shared_address"
        return "dense_merchant" if TieKind.MERCHANT in kinds else "transfer_group"


@dataclass(frozen=True, slots=True)
class RingChange:
    """A ring that is new, or has grown enough to be reported again; ``ring`` is live, read it at once."""

    ring: RingState
    absorbed: tuple[str, ...]
    """Reported rings that ceased to exist on their own since the last report."""


@dataclass(slots=True)
class _Mark:
    time: int
    account: str
    tie: Tie


class _Memory(msgspec.Struct, array_like=True):
    """All that a watch knows, in an order that brings back every dictionary as it was."""

    marks: list[_Mark]
    marked: list[tuple[Tie, list[tuple[str, int]]]]
    suspects: list[tuple[str, list[Suspect]]]
    rings: list[_RingMemory]


class _RingMemory(msgspec.Struct, array_like=True):
    state: RingState
    ties: list[tuple[Tie, int]]


class RingWatch:
    """Follows suspicious transactions in event order and tells of rings as they form and grow."""

    def __init__(self, policy: RingPolicy | None = None) -> None:
        self.policy = policy or RingPolicy()
        self._shares = dict(self.policy.tie_share)
        self._least_marks = dict(self.policy.tie_marks)
        self._window = int(self.policy.window_days * DAY)
        self._marks: deque[_Mark] = deque()
        self._marked: dict[Tie, dict[str, int]] = {}
        """For each thing, accounts with live marks and how many."""
        self._suspects: dict[str, deque[Suspect]] = {}
        self._ring_of: dict[str, RingState] = {}

    def observe(self, suspect: Suspect) -> RingChange | None:
        """Take in one suspicious transaction; tells when a ring is to be reported for the first time or again."""
        self._expire(suspect.time - self._window)
        self._remember(suspect)
        ring = self._ring_of.get(suspect.account)
        if ring is not None:
            self._add_evidence(ring, suspect)
        for tie, users in suspect.touches:
            if self._ties(tie, users):
                ring = self._join(tie, suspect) or ring
        return None if ring is None else self._report(ring, suspect.time)

    def ring_of(self, account: str) -> RingState | None:
        """The ring that an account belongs to."""
        return self._ring_of.get(account)

    def to_bytes(self) -> bytes:
        """All that the watch knows, to go on from in another process."""
        rings = {id(ring): ring for ring in self._ring_of.values()}.values()
        memory = _Memory(
            marks=list(self._marks),
            marked=[(tie, list(counts.items())) for tie, counts in self._marked.items()],
            suspects=[(account, list(known)) for account, known in self._suspects.items()],
            rings=[_RingMemory(replace(ring, ties={}), list(ring.ties.items())) for ring in rings],
        )
        return msgspec.msgpack.encode(memory)

    @classmethod
    def from_bytes(cls, content: bytes, policy: RingPolicy | None = None) -> Self:
        """A watch that goes on where the one that wrote ``content`` stood. Raises msgspec.DecodeError."""
        memory = msgspec.msgpack.decode(content, type=_Memory)
        watch = cls(policy)
        watch._marks.extend(memory.marks)
        watch._marked = {tie: dict(counts) for tie, counts in memory.marked}
        watch._suspects = {account: deque(known) for account, known in memory.suspects}
        for one in memory.rings:
            one.state.ties = dict(one.ties)
            watch._ring_of.update(dict.fromkeys(one.state.accounts, one.state))
        return watch

    def _remember(self, suspect: Suspect) -> None:
        self._suspects.setdefault(suspect.account, deque()).append(suspect)
        for tie, _ in suspect.touches:
            self._marks.append(_Mark(suspect.time, suspect.account, tie))
            counts = self._marked.setdefault(tie, {})
            counts[suspect.account] = counts.get(suspect.account, 0) + 1

    def _expire(self, cutoff: int) -> None:
        while self._marks and self._marks[0].time < cutoff:
            mark = self._marks.popleft()
            counts = self._marked[mark.tie]
            counts[mark.account] -= 1
            if counts[mark.account] == 0:
                del counts[mark.account]
            if not counts:
                del self._marked[mark.tie]
            self._expire_suspects(mark.account, cutoff)

    def _expire_suspects(self, account: str, cutoff: int) -> None:
        suspects = self._suspects.get(account)
        while suspects and suspects[0].time < cutoff:
            suspects.popleft()
        if not suspects:
            self._suspects.pop(account, None)

    def _ties(self, tie: Tie, users: float) -> bool:
        marked = len(self._marked[tie])
        return marked >= self._least_marks[tie.kind] and marked >= self._shares[tie.kind] * max(users, 1.0)

    def _join(self, tie: Tie, suspect: Suspect) -> RingState | None:
        """Bring the accounts that a tie holds together into one ring, unless most of them belong elsewhere."""
        accounts = list(self._marked[tie])
        if tie.kind is TieKind.ACCOUNT and tie.token not in self._marked[tie]:
            accounts.append(tie.token)
        held = self._held_by_ring(accounts)
        ring = self._most_held(held, len(accounts))
        if ring is None:
            ring = RingState(_ring_id(suspect.transaction_id), suspect.time, suspect.time)
        else:
            ring = self._merge_majorities(held, ring)
        free = [account for account in accounts if account not in self._ring_of]
        if not ring.accounts and len(free) < LEAST_FOUNDERS:
            return None
        for account in free:
            self._enter(account, ring, suspect)
        ring.ties.setdefault(tie, suspect.time)
        return ring

    def _held_by_ring(self, accounts: list[str]) -> list[tuple[int, RingState]]:
        """Rings that some of the accounts belong to, with how many, most first; the older where equal."""
        held: dict[str, tuple[int, RingState]] = {}
        for account in accounts:
            ring = self._ring_of.get(account)
            if ring is not None:
                held[ring.ring_id] = (held.get(ring.ring_id, (0, ring))[0] + 1, ring)
        return sorted(held.values(), key=lambda one: (-one[0], one[1].first_seen, one[1].ring_id))

    def _most_held(self, held: list[tuple[int, RingState]], accounts: int) -> RingState | None:
        if held and held[0][0] >= self.policy.join_share * accounts:
            return held[0][1]
        return None

    def _merge_majorities(self, held: list[tuple[int, RingState]], ring: RingState) -> RingState:
        """Merge rings of which one tie holds a majority; one common account is a bridge, not an identity."""
        for number, other in held:
            enough = self.policy.merge_share * min(len(other.accounts), len(ring.accounts))
            if other is not ring and number >= max(enough, LEAST_FOUNDERS):
                older, younger = sorted((ring, other), key=lambda one: (one.first_seen, one.ring_id))
                self._merge(younger, older)
                ring = older
        return ring

    def _enter(self, account: str, ring: RingState, suspect: Suspect) -> None:
        self._ring_of[account] = ring
        ring.accounts[account] = Member(suspect.time, 0.0)
        known = self._suspects.get(account)
        if known is None:
            ring.accounts[account].score = suspect.score
            return
        for one in known:
            self._add_evidence(ring, one)

    def _merge(self, younger: RingState, older: RingState) -> None:
        for account, member in younger.accounts.items():
            self._ring_of[account] = older
            older.accounts[account] = member
        for tie, since in younger.ties.items():
            older.ties.setdefault(tie, since)
        older.evidence.update(younger.evidence)
        older.last_seen = max(older.last_seen, younger.last_seen)
        if younger.first_reported is not None:
            older.absorbed.append(younger.ring_id)
        older.absorbed.extend(younger.absorbed)

    def _add_evidence(self, ring: RingState, suspect: Suspect) -> None:
        ring.evidence[suspect.transaction_id] = suspect.amount
        ring.first_seen = min(ring.first_seen, suspect.time)
        ring.last_seen = max(ring.last_seen, suspect.time)
        member = ring.accounts[suspect.account]
        member.score = max(member.score, suspect.score)

    def _report(self, ring: RingState, time: int) -> RingChange | None:
        policy = self.policy
        if len(ring.accounts) < policy.least_accounts or ring.score < policy.least_score:
            return None
        grown = 1.0 + policy.growth
        if ring.first_reported is not None and not (
            len(ring.accounts) >= grown * ring.reported_accounts or ring.money >= grown * ring.reported_money
        ):
            return None
        if ring.first_reported is None:
            ring.first_reported = time
        absorbed, ring.absorbed = tuple(ring.absorbed), []
        ring.version += 1
        ring.reported_accounts, ring.reported_money = len(ring.accounts), ring.money
        return RingChange(ring, absorbed)


def _ring_id(transaction_id: str) -> str:
    """An identity that a replay of the same log gives again."""
    return "ring-" + hashlib.blake2b(transaction_id.encode(), digest_size=6).hexdigest()
