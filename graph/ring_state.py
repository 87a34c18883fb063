"""A ring as the desk keeps it: members, evidence, what was done to it and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fraud.ring import RingEvent, RingStatus
from graph.suspects import Suspect, Tie, TieKind

__all__ = ["Evidence", "Member", "RingState", "Standing"]

MOST_EVIDENCE = 2_000
"""Suspicious transactions that are kept of one ring, the newest; older ones stay in the sums."""


@dataclass(slots=True)
class Member:
    """One account of a ring."""

    joined: int
    score: float
    """Of its most suspicious transaction."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One suspicious transaction of a member."""

    account: str
    target: Tie | None
    """Merchant or receiver."""
    things: tuple[Tie, ...]
    """Device and address."""
    time: int
    amount: float
    score: float

    @classmethod
    def of(cls, suspect: Suspect) -> Evidence:
        """What a suspicion is to its account's ring."""
        ties = [tie for tie, _ in suspect.touches]
        target = next((tie for tie in ties if tie.kind in (TieKind.MERCHANT, TieKind.ACCOUNT)), None)
        things = tuple(tie for tie in ties if tie is not target)
        return cls(suspect.account, target, things, suspect.time, suspect.amount, suspect.score)


@dataclass(slots=True)
class Standing:
    """What people decided about a ring, and how it stood then."""

    status: RingStatus = RingStatus.OPEN
    owner: str = ""
    until: datetime | None = None
    """A suppression ends by itself."""
    accounts: int = 0
    score: float = 0.0


@dataclass(slots=True)
class RingState:
    """A group of tied accounts under one identity."""

    ring_id: str
    founded: int
    first_seen: int
    last_seen: int
    serial: int = 0
    """Rings that were founded before it."""
    accounts: dict[str, Member] = field(default_factory=dict)
    ties: dict[Tie, int] = field(default_factory=dict)
    """When each tie first held."""
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """Suspicious transactions of the members, the newest, in the order they came in."""
    money: float = 0.0
    """Sum of all suspicious amounts, those no longer kept included."""
    at_risk: float = 0.0
    """Sum of suspicious amounts, each times its score."""
    weight: float = 0.0
    """Evidence in nats that this is a ring."""
    score: float = 0.0
    victims: frozenset[str] = frozenset()
    """Accounts that were robbed through a device of the ring."""
    is_attack: bool = False
    """Whether most of its accounts are victims: then it is no ring of theirs."""
    kind: str = ""
    truncated: bool = False
    """Whether it is too large to be grouped anew; it then grows by its ties alone."""
    standing: Standing = field(default_factory=Standing)
    split_from: str | None = None
    merged_into: str | None = None
    absorbed: list[str] = field(default_factory=list)
    """Reported rings that were merged into this one and are still to be told of with it."""
    events: list[RingEvent] = field(default_factory=list)
    """What happened since the last report."""
    event_count: int = 0
    first_reported: int | None = None
    version: int = 0
    reported_accounts: int = 0
    reported_money: float = 0.0

    @property
    def seniority(self) -> tuple[bool, int, int, int]:
        """Least for the ring that keeps its identity when rings merge: one that people know, then the older one."""
        return (self.first_reported is None, self.first_reported or 0, self.first_seen, self.serial)

    @property
    def is_by_transfers(self) -> bool:
        """Whether nothing but paying and being paid ties it."""
        return all(tie.kind in (TieKind.ACCOUNT, TieKind.PAYER) for tie in self.ties)

    def add_evidence(self, suspect: Suspect) -> None:
        """Count a suspicious transaction of a member, once."""
        if suspect.transaction_id in self.evidence:
            return
        self.evidence[suspect.transaction_id] = Evidence.of(suspect)
        self.money += suspect.amount
        self.at_risk += suspect.amount * suspect.score
        self.first_seen = min(self.first_seen, suspect.time)
        self.last_seen = max(self.last_seen, suspect.time)
        member = self.accounts[suspect.account]
        member.score = max(member.score, suspect.score)
        self.bound_evidence()

    def bound_evidence(self) -> None:
        """Forget the oldest evidence beyond what is kept."""
        while len(self.evidence) > MOST_EVIDENCE:
            del self.evidence[next(iter(self.evidence))]
