"""When things tie accounts, how ties become rings and when a ring is worth an alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from graph.finding import FindingKind
from graph.suspects import TieKind

__all__ = ["FindingRule", "RingPolicy", "TieRule", "judged_policy"]


class TieRule(NamedTuple):
    """When a kind of thing ties the accounts that marked it, and how closely."""

    evidence: float
    """Evidence (nats) from which it ties."""
    marked: int
    """Least number of accounts with a mark; an account that pays or is paid is one party to the tie itself."""
    share: float
    """Least share of its users that have a mark."""
    pull: float
    """What a mark on it counts for in grouping: a bad merchant taints its honest customers' payments too."""
    days: float = 30.0
    """Older marks on it no longer tie: transfers of one campaign lie close together."""


class FindingRule(NamedTuple):
    """What a structural finding is worth to the ring desk."""

    strength: float
    """Least strength that is taken note of."""
    evidence: float
    """Evidence (nats) that it is for each of its accounts."""


TIE_RULES = {
    TieKind.DEVICE: TieRule(2.0, 2, 0.5, 1.0),
    TieKind.IP: TieRule(4.0, 2, 0.6, 1.0),
    TieKind.MERCHANT: TieRule(5.0, 4, 0.4, 0.3),
    TieKind.ACCOUNT: TieRule(4.0, 2, 0.5, 1.0, 4.0),
    TieKind.PAYER: TieRule(4.0, 3, 0.0, 1.0, 4.0),
    TieKind.PATTERN: TieRule(0.5, 2, 0.0, 1.0),
}
FINDING_RULES = {
    FindingKind.CYCLE: FindingRule(0.2, 2.5),
    FindingKind.SCATTER_GATHER: FindingRule(0.34, 2.0),
}


@dataclass(frozen=True, slots=True)
class RingPolicy:
    """The rules of the ring desk; the defaults were tuned on simulated worlds (docs/rings.md)."""

    window_days: float = 30.0
    """Suspicions older than this are forgotten."""
    lateness_days: float = 1.0
    """A suspicion that is older than the newest one by more than this is counted and left out."""
    base_rate: float = 0.011
    """Share of fraud in all transactions, against which a score is weighed."""
    member_share: float = 0.7
    """How probable it is that a ring member's use of the ring's thing is a fraud."""
    most_evidence: float = 4.0
    """Most evidence (nats) that one account adds to a ring."""
    most_tying: float = 2.0
    """Most evidence (nats) that one account adds to a tie: one certain fraud ties nobody to anything by itself."""
    passing_on: bool = False
    """Whether a receiver of transfers that sends some on is a party to the tie with those who paid it."""
    unmarked: float = 0.6
    """Evidence against a tie (nats) that each user of a thing without a suspicious transaction brings."""
    ties: tuple[tuple[TieKind, TieRule], ...] = tuple(TIE_RULES.items())
    findings: tuple[tuple[FindingKind, FindingRule], ...] = tuple(FINDING_RULES.items())
    resolution: float = 0.07
    """Of the communities (CPM): what each pair of accounts in one group costs, in nats of pull."""
    least_pull: float = 0.8
    """Pull of a group's ties (nats) from which an account belongs to it."""
    most_vertices: int = 600
    """Accounts and things that are grouped anew for one suspicion; beyond it a ring grows but is not parted."""
    least_accounts: int = 3
    even_evidence: float = 5.0
    """Evidence (nats) at which a ring scores one half."""
    evidence_scale: float = 4.0
    """Evidence (nats) that raises the odds of a ring's score by e."""
    least_score: float = 0.5
    """Score from which a ring is reported."""
    transfers_score: float = 0.85
    """The same for a ring that nothing but transfers ties: honest people collect and pay out as well."""
    victims: float = 0.5
    """Share of members from which a group is an attack on its accounts and no ring of theirs."""
    visit_hours: float = 24.0
    """An account that first used a device for a fraud, and for no longer than this, is a victim of its owner."""
    growth: float = 0.25
    """Share by which members or money must have grown before a ring is reported again."""
    reopen_growth: float = 0.5
    """Share by which a closed or suppressed ring must have grown in members to come back."""
    reopen_score: float = 0.15
    """How much higher a closed or suppressed ring must score to come back."""


def judged_policy(base_rate: float) -> RingPolicy:
    """Rules for a desk with a learned judge: looser ties, groups sorted by the judge, and reports that follow them."""
    ties = {
        **TIE_RULES,
        TieKind.MERCHANT: TieRule(3.0, 3, 0.12, 0.5),
        TieKind.ACCOUNT: TieRule(3.0, 2, 0.5, 1.0, 4.0),
    }
    return RingPolicy(
        base_rate=base_rate, unmarked=0.3, passing_on=True, growth=0.1, ties=tuple(ties.items())
    )
