"""Rings found as they form: groups of accounts tied by their suspicious payments, each under one lasting identity.

For every suspicion only the component that it touches is grouped anew, and no more of it than the policy's bound; a
ring beyond the bound goes on growing by its ties and is marked as truncated.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Self

from fraud.ring import RingStatus, RingStep
from fraud.ring_act import RingAct
from graph.communities import communities
from graph.finding import Finding
from graph.layout import DAY
from graph.ring_acts import comes_back, reopen, take_act
from graph.ring_figures import ring_figures
from graph.ring_identity import Identities
from graph.ring_judge import RingJudge
from graph.ring_memory import decode, encode
from graph.ring_patterns import patterns
from graph.ring_policy import RingPolicy, judged_policy
from graph.ring_roles import kind_of, victims_of
from graph.ring_state import RingState
from graph.suspects import Suspect, Tie, TieKind
from graph.suspicious_graph import Component, SuspiciousGraph

__all__ = ["RingChange", "RingWatch"]

ROUNDS = 4
"""How often the scope is widened to all members of the rings in it."""
SAMPLED = 32
"""Marks that are looked at to find the ring of a thing that ties too many to group."""


@dataclass(frozen=True, slots=True)
class RingChange:
    """A ring that is new, has changed enough to be reported again, or ended; ``ring`` is live, read it at once."""

    ring: RingState
    reopened: bool = False
    """Whether people had closed or suppressed it."""


class RingWatch:
    """Follows suspicious transactions, nearly in event order, and tells of rings as they form and grow."""

    def __init__(self, policy: RingPolicy | None = None, judge: RingJudge | None = None) -> None:
        """Without a judge, groups are scored by the evidence of their payments alone, under the policy's rules."""
        self.policy = policy or (RingPolicy() if judge is None else judged_policy(judge.base_rate))
        self.judge = judge
        self.graph = SuspiciousGraph(self.policy)
        self.identities = Identities(self.graph)
        self.late = 0
        """Suspicions that came later than allowed and were left out."""
        self.touched: list[RingState] = []
        """Rings that the latest suspicion or act has moved, those included that ended by it."""
        self._lateness = int(self.policy.lateness_days * DAY)

    def observe(self, suspect: Suspect, findings: Iterable[Finding] = ()) -> list[RingChange]:
        """Take in one suspicion; tells which rings are to be reported for the first time or again."""
        self.touched = []
        if suspect.time < self.graph.newest - self._lateness:
            self.late += 1
            return []
        if suspect.transaction_id in self.graph.suspects.get(suspect.account, {}):
            return []
        marked = self.graph.add(suspect, patterns(findings, self.policy))
        own = self.identities.ring_of.get(suspect.account)
        if own is not None:
            own.add_evidence(suspect)
        scope = self._scope(suspect.account, marked)
        if scope is None:
            rings = self._grow_truncated(suspect, marked)
        else:
            groups = communities(scope, self.policy)
            rings = self.identities.assign(groups, set(scope.accounts), suspect)
        for ring in rings:
            self._weigh(ring)
        self.touched = [*self.identities.ended, *rings]
        ended = [self._tell(ring) for ring in self.identities.ended]
        self.identities.ended.clear()
        changes = [self._report(ring, self.graph.newest) for ring in rings]
        return ended + [change for change in changes if change is not None]

    def act(self, act: RingAct) -> RingChange | None:
        """Take in what a person decided about a ring; None where there is no such ring, or nothing to change."""
        self.touched = []
        ring = self.identities.current(act.ring_id)
        if ring is None or ring.first_reported is None or not take_act(ring, act, self.graph.newest):
            return None
        self.touched = [ring]
        return self._tell(ring, reopened=act.step is RingStep.REOPENED)

    def ring_of(self, account: str) -> RingState | None:
        """The ring that an account belongs to."""
        return self.identities.ring_of.get(account)

    def to_bytes(self) -> bytes:
        """All that the watch knows, to go on from in another process."""
        return encode(self.graph, self.identities, self.late)

    @classmethod
    def from_bytes(
        cls, content: bytes, policy: RingPolicy | None = None, judge: RingJudge | None = None
    ) -> Self:
        """A watch that goes on where the one that wrote ``content`` stood. Raises msgspec.DecodeError."""
        watch = cls(policy, judge)
        watch.late = decode(content, watch.graph, watch.identities)
        return watch

    def _scope(self, account: str, marked: Collection[Tie]) -> Component | None:
        """The component that a suspicion touches and all of the rings in it; None beyond the bound."""
        starts = {account}
        for tie in marked:
            if tie.kind is TieKind.PATTERN and self.graph.ties(tie):
                starts.update(islice(self.graph.marked_by(tie), self.policy.most_vertices))
        for _ in range(ROUNDS):
            rings = {ring.ring_id: ring for one in starts if (ring := self.ring_of(one)) is not None}
            if sum(len(ring.accounts) for ring in rings.values()) > self.policy.most_vertices:
                return None
            starts.update(one for ring in rings.values() for one in ring.accounts)
            component = self.graph.component(sorted(starts))
            if component.truncated:
                return None
            found = {ring.ring_id for one in component.accounts if (ring := self.ring_of(one)) is not None}
            if found <= rings.keys():
                break
            starts = set(component.accounts)
        return component

    def _grow_truncated(self, suspect: Suspect, marked: Iterable[Tie]) -> list[RingState]:
        """Let the suspicion's account, and whom it pays, into the ring of what ties it; nothing is parted."""
        grown: dict[str, RingState] = {}
        for tie in marked:
            if not self.graph.ties(tie):
                continue
            sample = list(islice(self.graph.marked_by(tie), SAMPLED))
            self.graph.work += len(sample)
            ring = self._largest(sample) or self.identities.found(sample, suspect)
            self.identities.join(ring, {*sample, suspect.account}, tie, suspect.time)
            ring.truncated = True
            grown[ring.ring_id] = ring
        return list(grown.values())

    def _largest(self, accounts: Iterable[str]) -> RingState | None:
        """The ring that most of the accounts belong to, the senior one where equal."""
        found = [ring for one in accounts if (ring := self.ring_of(one)) is not None]
        held = Counter(ring.ring_id for ring in found)
        return min(found, key=lambda ring: (-held[ring.ring_id], ring.seniority), default=None)

    def _weigh(self, ring: RingState) -> None:
        """Score a ring, and tell what kind it is, by what is known now."""
        policy, graph = self.policy, self.graph
        if ring.truncated and len(ring.accounts) > policy.most_vertices:
            ring.score = 1.0
            return
        ring.truncated = False
        ring.victims = victims_of(ring, graph, policy)
        ring.is_attack = len(ring.victims) >= policy.victims * len(ring.accounts)
        if self.judge is None:
            ring.score = self._by_evidence(ring)
        else:
            # Victims are among the figures: what is judged a ring all the same is no attack.
            ring.score = self.judge.score(ring_figures(ring, graph, policy)) if ring.accounts else 0.0
            ring.is_attack = ring.is_attack and ring.score < self.judge.report_from
        ring.kind = kind_of(ring, graph)

    def _by_evidence(self, ring: RingState) -> float:
        """The score where no judge has been learned: evidence of the members against that of the others."""
        policy, graph = self.policy, self.graph
        weights = (
            min(graph.weight(account, ring.ties), policy.most_evidence) for account in sorted(ring.accounts)
        )
        against = sum(graph.against(tie) for tie in sorted(ring.ties) if tie.kind is not TieKind.MERCHANT)
        evidence = math.fsum(weights) - against
        return 1.0 / (
            1.0 + math.exp(min(max((policy.even_evidence - evidence) / policy.evidence_scale, -30), 30))
        )

    def _report(self, ring: RingState, time: int) -> RingChange | None:
        policy = self.policy
        if ring.absorbed and ring.standing.status is RingStatus.OPEN:
            # Whatever it scores now: people know the accounts that it took in by another ring's alert, which ends.
            return self._tell(ring)
        if self.judge is not None:
            least = self.judge.report_from
        else:
            least = policy.transfers_score if ring.is_by_transfers else policy.least_score
        if len(ring.accounts) < policy.least_accounts or ring.score < least or ring.is_attack:
            return None
        back = comes_back(ring, time, policy)
        if back is not None:
            reopen(ring, time, back)
            return self._tell(ring, reopened=True)
        if ring.standing.status is not RingStatus.OPEN:
            return None
        grown = 1.0 + policy.growth
        known = ring.first_reported is not None or ring.reported_accounts > 0
        if (
            known
            and len(ring.accounts) < grown * ring.reported_accounts
            and ring.money < grown * ring.reported_money
        ):
            return None
        return self._tell(ring)

    def _tell(self, ring: RingState, *, reopened: bool = False) -> RingChange:
        if ring.first_reported is None:
            ring.first_reported = self.graph.newest
        ring.absorbed = []
        ring.version += 1
        ring.reported_accounts, ring.reported_money = len(ring.accounts), ring.money
        return RingChange(ring, reopened)
